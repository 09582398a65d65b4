// Pauses the page for a viewer who is reading: it keeps its version until it is resumed or reloaded.
(function () {
    let since = null; // the time of day, as text

    // The time of day in the dashboard's zone.
    function now() {
        const timeZone = document.querySelector('meta[name="timezone"]')?.content;
        try {
            return new Date().toLocaleTimeString("en-GB", {timeZone});
        } catch {
            return new Date().toLocaleTimeString("en-GB"); // the browser does not know the zone
        }
    }

    function toggle(clicks) {
        if (!clicks) return;
        const {set_props} = window.dash_clientside;
        since = since === null ? now() : null;
        const [children, className] = since === null ? ["Pause", ""] : ["Resume", "paused"];
        set_props("pause", {children, className});
        set_props("clock", {n_intervals: 0}); // so that the status line shows it immediately
    }

    // The paused page has received newer data because of a viewer's choice.
    function move() {
        if (since !== null) since = now();
    }

    const pause = {toggle, move, at: () => since};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {pause});
})();
