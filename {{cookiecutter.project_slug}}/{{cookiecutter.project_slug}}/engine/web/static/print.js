// Fits charts to the paper: they are drawn in screen pixels, so each is scaled like a picture.
(function () {
    const charts = () => [...document.querySelectorAll(".js-plotly-plot")];

    function fit() {
        for (const chart of charts()) {
            const {width, height} = chart._fullLayout ?? {};
            if (!width) continue;
            const {style} = chart.closest(".graph") ?? chart;
            style.setProperty("--width", `${width}px`);
            style.setProperty("--ratio", width / height);
            for (const svg of chart.querySelectorAll(".main-svg")) {
                svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
            }
        }
    }

    function restore() {
        for (const chart of charts()) {
            chart.querySelectorAll(".main-svg").forEach((it) => it.removeAttribute("viewBox"));
        }
    }

    window.addEventListener("beforeprint", fit);
    window.addEventListener("afterprint", restore);
})();
