// Keeps a viewer's choices among the options, which follow the data.
(function () {
    // Chooses "all" when the time range is no longer offered; not before the first data are shown.
    function fit(options, version, value) {
        const fits = !options || !version || Object.hasOwn(options, value);
        if (fits || window.dash_clientside.zoom.isRange(value)) return;
        window.dash_clientside.set_props("window", {value: "all"});
    }

    const choices = {fit};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {choices});
})();
