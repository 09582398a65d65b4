// Copies a chart's summary, which screen readers read in its place, to the paragraph beside it.
// Changes are not announced.
(function () {
    window.dash_clientside.drawn.listen(function (plot) {
        const paragraph = plot.closest(".graph")?.parentElement.querySelector(".summary");
        const summary = plot.layout?.meta?.summary ?? "";
        if (paragraph && paragraph.textContent !== summary) paragraph.textContent = summary;
    });
})();
