// Draws the status page: adds only new items and removes only old ones, so that a line of the log
// stays selected while a viewer copies it.
(function () {
    // Gives each item a key made of its text and, counted from the oldest (last) one, its number.
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

    // Makes a node's children match a list of items, in order.
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
