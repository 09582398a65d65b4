// Calls listeners for each chart after it is drawn.
(function () {
    const listeners = [], known = new WeakSet();

    function tell(plot) {
        listeners.forEach((listener) => listener(plot));
    }

    function find() {
        for (const plot of document.querySelectorAll(".js-plotly-plot")) {
            if (known.has(plot) || !plot.on) continue;
            known.add(plot);
            plot.on("plotly_afterplot", () => tell(plot));
            tell(plot);
        }
    }

    new MutationObserver(find).observe(document, {childList: true, subtree: true});
    const drawn = {listen: (listener) => listeners.push(listener)};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {drawn});
})();
