// Makes the legends of charts work with the keyboard: Tab reaches each name, Enter or Space hides
// the series and shows it again.
(function () {
    const item = (node) => node.closest?.(".js-plotly-plot .legend .traces");

    function describe(plot) {
        for (const it of plot.querySelectorAll(".legend .traces")) {
            if (!it.querySelector(".legendtoggle")) continue;
            const name = it.querySelector(".legendtext")?.textContent ?? "";
            it.setAttribute("tabindex", "0");
            it.setAttribute("role", "button");
            it.setAttribute("aria-label", name);
            it.setAttribute("aria-pressed", it.style.opacity === "0.5" ? "false" : "true");
        }
    }

    // Plotly keeps what a click hides when it draws the chart again.
    function toggle(event) {
        const it = item(event.target);
        if (!it || !["Enter", " "].includes(event.key) || event.repeat) return;
        event.preventDefault(); // Space would scroll the page
        const target = it.querySelector(".legendtoggle");
        for (const kind of ["mousedown", "mouseup"]) {
            target.dispatchEvent(new MouseEvent(kind, {bubbles: true, button: 0}));
        }
    }

    document.addEventListener("keydown", toggle);
    window.dash_clientside.drawn.listen(describe);
})();
