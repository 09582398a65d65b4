// Chooses a series by a click on its card, its box or its line; a second click goes back.
(function () {
    const NEAR = 12; // pixels between a click and a line
    const DOUBLE = 320; // milliseconds in which Plotly waits for the second click
    const dash = () => window.dash_clientside;
    const props = (id) => window.dash_component_api?.getLayout(id)?.props;
    const watched = new WeakMap(); // by graph: the functions that it calls
    let picked = null, before = []; // the series chosen by a click, and what was chosen until then
    let focused = null; // the series of the card that has the focus
    let timer = null;
    let doubled = -Infinity; // the time of the last double click, which Plotly reports before its second click

    function pick(name) {
        const now = props("series")?.value ?? [];
        if (!props("series")) return;
        const again = now.length === 1 && now[0] === name;
        const value = !again ? [name] : picked === name ? before : [];
        [picked, before] = again ? [null, []] : [name, now];
        dash().set_props("series", {value});
    }

    const option = (name) => dash().address.option("series", props("series")?.options ?? [], name) ?? name;

    function nameOf({uid}) {
        const bytes = /^series-((?:[0-9a-f]{2})+)$/.exec(uid)?.[1].match(/../g).map((it) => parseInt(it, 16));
        return bytes && new TextDecoder().decode(new Uint8Array(bytes));
    }

    // The distance in pixels from a place to the line's two segments at a point.
    function distance(place, {data, fullData, pointNumber, xaxis, yaxis}) {
        if (data.type !== "scatter") return 0;
        const {x, y} = fullData;
        const at = (it) => [xaxis._offset + xaxis.d2p(x[it]), yaxis._offset + yaxis.d2p(y[it])];
        const ends = [pointNumber - 1, pointNumber + 1].filter((it) => it in y && !isNaN(y[it]));
        const here = at(pointNumber);
        return Math.min(...[pointNumber, ...ends].map((it) => toSegment(place, here, at(it))));
    }

    function toSegment([x, y], [ax, ay], [bx, by]) {
        const square = (bx - ax) ** 2 + (by - ay) ** 2;
        const share = square ? ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square : 0;
        const along = Math.max(0, Math.min(1, share));
        return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
    }

    function clicked(plot, {points, event}) {
        const {left, top} = plot.getBoundingClientRect();
        const place = [event.clientX - left, event.clientY - top];
        const near = points.filter((it) => nameOf(it.fullData)).map((it) => [distance(place, it), it]);
        const [[pixels, point] = [Infinity]] = near.sort(([a], [b]) => a - b);
        clearTimeout(timer);
        if (performance.now() - doubled < DOUBLE) return;
        if (pixels <= NEAR) timer = setTimeout(() => pick(option(nameOf(point.fullData))), DOUBLE);
    }

    // Plotly removes its listeners when Dash redraws a graph.
    function watch({target}) {
        const plot = target.closest?.("#trend-graph, #distribution-graph")?.querySelector(".js-plotly-plot");
        if (!plot?.on) return;
        if (!watched.has(plot)) {
            watched.set(plot, {
                plotly_click: (click) => clicked(plot, click),
                plotly_doubleclick: () => (clearTimeout(timer), (doubled = performance.now())),
            });
        }
        for (const [event, listener] of Object.entries(watched.get(plot))) {
            plot.removeListener(event, listener);
            plot.on(event, listener);
        }
    }

    // Tells screen readers which card is chosen, and returns the focus to a card that was replaced,
    // once React has drawn the cards.
    function press(series) {
        const only = series?.length === 1 ? series[0] : null;
        if (only !== picked) [picked, before] = [null, []];
        const chosen = only && dash().address.plain(only);
        setTimeout(() => {
            for (const it of document.querySelectorAll("[data-series]")) {
                it.setAttribute("aria-pressed", String(it.dataset.series === chosen));
            }
            if (document.activeElement !== document.body || focused === null) return;
            document.querySelector(`[data-series="${CSS.escape(focused)}"]`)?.focus();
        });
    }

    addEventListener("click", ({target}) => {
        const name = target.closest?.("[data-series]")?.dataset.series;
        if (name !== undefined) pick(option(name));
    });
    addEventListener("pointerdown", () => (focused = null)); // anywhere; a card takes the focus then
    addEventListener("focusin", ({target}) => (focused = target.closest?.("[data-series]")?.dataset.series ?? null));
    addEventListener("pointerover", watch, {passive: true});
    window.dash_clientside = Object.assign({}, window.dash_clientside, {pick: {press}});
})();
