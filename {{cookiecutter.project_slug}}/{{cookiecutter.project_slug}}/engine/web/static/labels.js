// Gives Dash's own controls (4.4) the names and roles that screen readers need: a name for the list
// of a dropdown and for radio items, and no "option" that holds an input of its own.
(function () {
    function labelOf(id) {
        const label = document.querySelector(`label[for="${CSS.escape(id)}"]`);
        if (label) label.id ||= `${id}-label`;
        return label;
    }

    // Dash uses a hidden field to take the focus for the button, which can take it itself.
    function dropdown(button) {
        const field = button.parentElement.querySelector(".dash-dropdown-focus-target");
        if (field) field.inert = true;
        button.tabIndex = 0;
        const label = labelOf(button.id), names = button.getAttribute("aria-labelledby") ?? "";
        if (label && !names.includes(label.id)) {
            button.setAttribute("aria-labelledby", `${label.id} ${names}`);
        }
    }

    function popup(content) {
        const button = document.querySelector(".dash-dropdown[aria-expanded=true]");
        const label = button && labelOf(button.id);
        if (label) content.setAttribute("aria-label", label.textContent);
    }

    function list(it) {
        const radios = it.querySelector("input[type=radio]");
        it.setAttribute("role", radios ? "radiogroup" : "group");
        const label = labelOf(it.id) ?? it.closest("fieldset")?.querySelector("legend");
        const name = label?.textContent ?? it.closest(".dash-dropdown-content")?.ariaLabel;
        if (name && !it.ariaLabel) it.ariaLabel = name;
    }

    // The input in it tells whether it is chosen.
    function option(it) {
        it.removeAttribute("role");
        it.removeAttribute("aria-selected");
    }

    function label() {
        const each = (selector, give) => document.querySelectorAll(selector).forEach(give);
        each(".dash-dropdown[tabindex='-1']:not(:disabled)", dropdown);
        each(".dash-dropdown-content:not([aria-label])", popup);
        each(".dash-options-list[role=listbox]", list);
        each(".dash-options-list-option:is([role], [aria-selected])", option);
    }

    const changes = {childList: true, subtree: true, attributes: true, attributeFilter: ["aria-selected"]};
    new MutationObserver(label).observe(document, changes);
})();
