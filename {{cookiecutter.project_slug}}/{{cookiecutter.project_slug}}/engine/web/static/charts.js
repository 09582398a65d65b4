// Adjusts a figure before Plotly draws it: its height, dragging on touch screens, a viewer's zoom.
// Labels the ends of its lines afterwards (ends.js).
// Hides the section of one that has nothing to show.
(function () {
    const NARROW = 600, LOW = 75; // pixels
    const touch = window.matchMedia("(pointer: coarse)");
    const ends = () => window.dash_clientside.ends, followed = new WeakSet();
    const pen = document.createElement("canvas").getContext("2d");

    // A figure with many panels or a long legend needs more height than the page allots.
    function stretch(plot, data, layout) {
        const least = layout.meta?.min_height ?? 0;
        const height = least && least + legend(plot, data, layout);
        plot.closest(".graph")?.style.setProperty("--min-height", `${height}px`);
    }

    // The height of a horizontal legend in pixels, which Plotly divides into columns of equal width
    // unless one row is enough.
    function legend(plot, data, {legend: look, margin, font, showlegend}) {
        const names = data.filter((it) => it.showlegend !== false).map((it) => it.name ?? "");
        if (!(showlegend ?? names.length > 1) || look?.orientation !== "h") return 0;
        const size = look.font?.size ?? font?.size ?? 12;
        pen.font = `${size}px ${font?.family ?? "sans-serif"}`;
        const plain = (it) => it.replaceAll(/&\w+;/g, "&");
        const widths = names.map((it) => pen.measureText(plain(it)).width + 45);
        const border = look.borderwidth ?? 0;
        const room = plot.clientWidth - (margin?.l ?? 0) - (margin?.r ?? 0) - 2 * border;
        const columns = Math.max(Math.floor(room / Math.max(...widths)), 1);
        const total = widths.reduce((sum, it) => sum + it, 0);
        const rows = total < room ? 1 : Math.ceil(names.length / columns);
        return (Math.max(1.3 * size, 16) + 3) * rows + 2 * (border + 5);
    }

    function hide(plot, {meta}) {
        const section = plot.closest("section");
        if (section) section.hidden = Boolean(meta?.empty);
    }

    // On touch screens, a swipe on a chart scrolls the page, and a toolbar button switches to
    // zooming. The names in the legend are tall enough for a finger.
    function handle(next) {
        if (!touch.matches) return;
        next.dragmode ??= false;
        next.legend = {...next.legend, font: {size: 17, ...next.legend?.font}};
    }

    // Plotly gives the labels of an axis too little room if it is short: at least five on a low
    // panel, and dates below the times on a phone.
    function space(plot, data, layout) {
        const room = plot.clientHeight - legend(plot, data, layout) - 64;
        for (const [name, axis] of Object.entries(layout)) {
            if (name.startsWith("xaxis") && axis.type === "date" && plot.clientWidth < NARROW) {
                axis.nticks = Math.floor(plot.clientWidth / 110);
            }
            const height = name.startsWith("yaxis") && axis.domain && (axis.domain[1] - axis.domain[0]) * room;
            if (height && height < LOW) axis.nticks ??= Math.max(3, Math.floor(height / 15));
        }
    }

    // Whether a figure shows in detail what the viewer has just zoomed to; the values stay zoomed, too.
    function isZoomed(now, next) {
        const near = (one, other) => Math.abs(Date.parse(one) - Date.parse(other)) <= 1000;
        return Object.entries(next).some(([name, axis]) => {
            const shown = now[name]?.type === "date" && now[name].range;
            return shown && axis?.range?.every((it, at) => near(it, shown[at]));
        });
    }

    // Plotly's uirevision alone would keep a zoom, but Dash 4.4 writes the zoom into the figure
    // (plotly/dash#3882), so Plotly drops it with that figure.
    function zoom(now, next) {
        if (!now?.uirevision || !(now.uirevision === next.uirevision || isZoomed(now, next))) return;
        for (const [name, axis] of Object.entries(now)) {
            const zoomed = /^[xy]axis\d*$/.test(name) && axis.autorange === false;
            if (zoomed && next[name] && !next[name].range) {
                Object.assign(next[name], {range: axis.range, autorange: false});
            }
        }
    }

    // Labels the ends of lines whenever Plotly has drawn them, including after a resize or zoom.
    // A narrower chart has a longer legend.
    function follow(plot) {
        if (!followed.has(plot)) {
            followed.add(plot);
            plot.on("plotly_afterplot", () => stretch(plot, plot.data, plot.layout));
            for (const it of ["afterplot", "relayout"]) plot.on(`plotly_${it}`, () => ends().draw(plot));
        }
        ends().draw(plot);
        return plot;
    }

    // Makes plotly.js adjust each figure before it draws it.
    function prepare(plotly) {
        const react = plotly.react;
        plotly.react = function (plot, figure, ...rest) {
            if (figure.layout) {
                hide(plot, figure.layout);
                if (figure.layout.meta?.empty && plot.layout) return Promise.resolve(plot);
                handle(figure.layout);
                stretch(plot, figure.data ?? [], figure.layout);
                space(plot, figure.data ?? [], figure.layout);
                zoom(plot.layout, figure.layout);
                ends().prepare(plot, figure.layout);
            }
            return react.call(this, plot, figure, ...rest).then(follow);
        };
    }

    const charts = {prepare};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {charts});
})();
