// Keeps a viewer's zoom through live updates. Plotly's uirevision alone would, but Dash 4.4 writes
// the zoom into the figure (plotly/dash#3882), so that Plotly drops it with that figure.
(function () {
    function keep(plot, next) {
        const now = plot.layout;
        if (!now || !next || !now.uirevision || now.uirevision !== next.uirevision) return;
        for (const [name, axis] of Object.entries(now)) {
            const zoomed = /^[xy]axis\d*$/.test(name) && axis.autorange === false;
            if (zoomed && next[name] && !next[name].range) {
                Object.assign(next[name], {range: axis.range, autorange: false});
            }
        }
    }

    // Dash loads Plotly when it shows the first graph.
    const waiting = setInterval(function () {
        if (!window.Plotly) return;
        clearInterval(waiting);
        const react = window.Plotly.react;
        window.Plotly.react = function (plot, figure, ...rest) {
            keep(plot, figure.layout);
            return react.call(this, plot, figure, ...rest);
        };
    }, 50);
})();
