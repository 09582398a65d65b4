// Counts the age of the data on in the browser, so that a server that is out of reach shows.
(function () {
    const STATES = {loading: "Loading", live: "Live", stale: "Stale", error: "Error"};
    let answer = null;
    let answeredAt = 0;

    function duration(seconds) {
        const whole = Math.max(0, Math.round(seconds));
        if (whole < 120) return `${whole} s`;
        if (whole < 7200) return `${Math.floor(whole / 60)} min`;
        return `${Math.floor(whole / 3600)} h`;
    }

    function status(_seconds, newest) {
        if (!newest) return ["loading", "", STATES.loading, "", ""];
        if (newest !== answer) {
            answer = newest;
            answeredAt = Date.now();
        }
        const since = (Date.now() - answeredAt) / 1000;
        const silent = since > answer.asks_again + 5;
        if (answer.version === null) {
            return [answer.state, "", STATES[answer.state], "", answer.message];
        }
        const age = answer.age + since;
        const state = age > answer.stale_after ? "stale" : answer.state;
        const next = answer.next - since;
        return [
            state,
            String(answer.version),
            STATES[state],
            `updated ${duration(age)} ago` + (next > 0 ? `, next in ${duration(next)}` : ""),
            silent ? `The server has not answered for ${duration(since)}.` : answer.message,
        ];
    }

    // Marks loading until there are data or a reason why not, then only for a viewer's own change.
    function loading(newest) {
        const triggers = window.dash_clientside.callback_context.triggered.map((it) => it.prop_id);
        if (!newest || (newest.version === null && newest.state === "loading")) return "show";
        return triggers.length && !triggers.includes("answer.data") ? "auto" : "hide";
    }

    window.dash_clientside = Object.assign({}, window.dash_clientside, {live: {status, loading}});
})();
