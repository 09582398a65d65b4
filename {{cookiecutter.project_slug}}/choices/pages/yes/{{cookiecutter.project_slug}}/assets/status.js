// Draws the status page: only what is new is put in, and only what is old taken out, so that what a
// viewer has selected, to copy a line of the log, stays selected.
(function () {
    // Names each item by its text; of equal ones the oldest, which comes last, is the first.
    function named(items) {
        const seen = new Map();
        return items
            .slice()
            .reverse()
            .map((it) => {
                const text = JSON.stringify(it);
                seen.set(text, (seen.get(text) ?? 0) + 1);
                return [`${text} ${seen.get(text)}`, it];
            })
            .reverse();
    }

    // Makes the children of a node those of some items, in their order.
    function draw(parent, items, make) {
        if (!parent) return; // the page was left
        const wanted = named(items), names = new Set(wanted.map(([name]) => name));
        for (const child of [...parent.children]) names.has(child.itemName) || child.remove();
        const known = new Map([...parent.children].map((it) => [it.itemName, it]));
        let next = parent.firstElementChild;
        for (const [name, it] of wanted) {
            const child = known.get(name) ?? Object.assign(make(it), {itemName: name});
            if (child === next) next = next.nextElementSibling;
            else parent.insertBefore(child, next);
        }
    }

    function element(tag, text = "", className = "") {
        return Object.assign(document.createElement(tag), {textContent: text, className});
    }

    function row({cells, failed}) {
        const made = element("tr", "", failed ? "failed" : "");
        made.append(...cells.map((text) => element("td", text)));
        return made;
    }

    function show(status) {
        if (!status) return;
        draw(document.getElementById("history"), status.history, row);
        draw(document.getElementById("log-lines"), status.lines, (line) => element("div", line));
    }

    const status = {show};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {status});
})();
