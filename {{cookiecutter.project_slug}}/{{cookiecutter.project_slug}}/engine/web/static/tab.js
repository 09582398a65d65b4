// Shows in the browser's tab that the data are old or refreshes fail: a sign before the title, and a
// dot in the color of the status as the icon. Otherwise, both are the page's own.
(function () {
    const SIGN = "⚠";
    let icon = null; // the page's own
    let isBad = false;

    function dot(color) {
        const circle = `<circle cx="8" cy="8" r="7" fill="${color}"/>`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${circle}</svg>`;
        return `data:image/svg+xml,${encodeURIComponent(svg)}`;
    }

    // Puts the sign before the title, which Dash sets whenever the page changes. Reading a title trims
    // it, so compare with what is read back. Dash insists on its title while it loads: changing it
    // would never end.
    function name() {
        const {update_title} = window.dash_clientside.internals.config();
        if (update_title && document.title === update_title) return;
        const own = document.title.replace(/^⚠\s*/, "");
        const wanted = isBad ? `${SIGN} ${own}`.trim() : own;
        if (document.title !== wanted) document.title = wanted;
    }

    function show(status) {
        isBad = ["stale", "error"].includes(status.dataset.state);
        name();
        const link = document.querySelector("link[rel~=icon]");
        if (!link) return;
        icon ??= {href: link.href, type: link.type};
        const color = getComputedStyle(document.getElementById("status-state") ?? status).color;
        Object.assign(link, isBad ? {href: dot(color), type: "image/svg+xml"} : icon);
    }

    function look(changes) {
        const status = changes.map((it) => it.target).findLast((it) => it.id === "status");
        if (status) show(status);
    }

    const state = {subtree: true, attributeFilter: ["data-state"]};
    new MutationObserver(look).observe(document.documentElement, state);
    const title = {subtree: true, childList: true, characterData: true};
    new MutationObserver(name).observe(document.head, title);
})();
