// Adjusts a figure before Plotly draws it: its height, dragging on touch screens, a viewer's zoom.
// Hides the section of one that has nothing to show.
(function () {
    const touch = window.matchMedia("(pointer: coarse)");

    // A figure with many panels needs more height than the page gives it.
    function stretch(plot, {meta}) {
        plot.closest(".graph")?.style.setProperty("--min-height", `${meta?.min_height ?? 0}px`);
    }

    function hide(plot, {meta}) {
        const section = plot.closest("section");
        if (section) section.hidden = Boolean(meta?.empty);
    }

    // A swipe that starts on a chart scrolls the page; a toolbar button switches to zooming.
    function scroll(next) {
        if (touch.matches) next.dragmode ??= false;
    }

    // Plotly's uirevision alone would keep a zoom, but Dash 4.4 writes the zoom into the figure
    // (plotly/dash#3882), so Plotly drops it with that figure.
    function zoom(now, next) {
        if (!now?.uirevision || now.uirevision !== next.uirevision) return;
        for (const [name, axis] of Object.entries(now)) {
            const zoomed = /^[xy]axis\d*$/.test(name) && axis.autorange === false;
            if (zoomed && next[name] && !next[name].range) {
                Object.assign(next[name], {range: axis.range, autorange: false});
            }
        }
    }

    // Dash loads Plotly only for the first graph.
    const waiting = setInterval(function () {
        if (!window.Plotly) return;
        clearInterval(waiting);
        const react = window.Plotly.react;
        window.Plotly.react = function (plot, figure, ...rest) {
            if (figure.layout) {
                hide(plot, figure.layout);
                if (figure.layout.meta?.empty && plot.layout) return Promise.resolve(plot);
                stretch(plot, figure.layout);
                scroll(figure.layout);
                zoom(plot.layout, figure.layout);
            }
            return react.call(this, plot, figure, ...rest);
        };
    }, 50);
})();
