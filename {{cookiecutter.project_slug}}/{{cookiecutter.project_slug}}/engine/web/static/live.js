// Passes the server's newest version to the views once they show the previous one, unless the viewer
// has paused the page.
(function () {
    const dash = () => window.dash_clientside;
    let answer = null, answered = null; // the last poll response, and when
    let wanted = null, wantedAt = 0; // the version that was passed to the views
    let shown = null; // the version that they show: all of its views have arrived
    let said = null; // what the server last said about the wanted version, and when
    let basis = null; // the same for the version that is shown
    let chose = false; // whether the views are loading because of a viewer's choice
    let followed = null, repeated = null; // the last versions for which a mix was resolved

    function take(newest, at) {
        answer = newest;
        answered = at;
        note();
        dash().internals.forget();
        advance();
        dash().reload.renew(newest.code);
        dash().set_props("poll", {data: newest});
    }

    function note() {
        if (answer.version === null || answer.version !== wanted) return;
        said = {...answer, at: answered};
        if (shown === wanted) basis = said;
    }

    function isNewer() {
        if (!answer || answer.version === null || answer.version === wanted) return false;
        // A server that has just started has none yet, and one of several may be cut off from the
        // newest data: in both cases the page keeps the version it shows. Otherwise, a lower
        // version comes from a server whose clock was set back.
        return !(answer.version < wanted && answer.state !== "live");
    }

    // Whether newer data will be shown when the viewer resumes the page.
    function waits() {
        return wanted !== null && dash().pause.at() !== null && isNewer();
    }

    // Views always get the newest data, so a choice on a paused page updates a part of it.
    function isMixed() {
        return dash().views.versions().some((it) => it > wanted);
    }

    // Whether the views should get the server's version.
    function isNews() {
        return isNewer() && (!waits() || isMixed());
    }

    // Takes the next step, if one is due. The views get no new version while some are still being
    // fetched, so that all show the same one.
    function advance() {
        const {views, internals} = dash();
        const settled = performance.now() - wantedAt > 10; // Dash sends its requests a moment later
        const busy = views.busy() || internals.waiting() || !settled;
        if (!busy && shown !== wanted) arrive();
        if (isNews()) {
            if (busy) views.hold();
            else give(answer.version);
        } else if (!busy && views.takeStale()) {
            give(wanted);
        } else if (!busy && dash().pause.at() !== null) {
            unmix();
        }
        if (busy || isNews()) {
            clearTimeout(advance.timer);
            advance.timer = setTimeout(advance, settled ? 250 : 15);
        }
    }

    // On a paused page, no later version resolves a mix.
    function unmix() {
        const versions = dash().views.versions(), newest = Math.max(...versions);
        if (newest > wanted && newest !== followed) {
            followed = newest;
            dash().polling.poll();
        } else if (Math.min(...versions) < wanted && wanted !== repeated) {
            repeated = wanted;
            give(wanted);
        }
    }

    function give(version) {
        if (version !== wanted) {
            dash().polling.soon();
            dash().pause.move();
        }
        wanted = version;
        wantedAt = performance.now();
        note();
        dash().views.takeStale();
        dash().set_props("snapshot-version", {data: version});
        clearTimeout(advance.timer);
        advance.timer = setTimeout(advance, 15);
    }

    function arrive() {
        const first = shown === null;
        shown = wanted;
        chose = false;
        basis = said ?? basis;
        if (wanted !== null) dash().address.settle();
        dash().set_props("clock", {n_intervals: 0}); // so that the status line shows it immediately
        if (first && answer) dash().set_props("poll", {data: {...answer}});
    }

    function start(_id, version) {
        wanted = version ?? null;
        wantedAt = performance.now();
        dash().views.onChange(advance);
        dash().polling.start();
    }

    // Marks the page as loading until the first views, or an error, have arrived; later only after a
    // viewer's choice, until its views have arrived.
    function loading(newest) {
        const triggers = dash().callback_context.triggered.map((it) => it.prop_id);
        const reason = newest && newest.version === null && newest.state !== "loading";
        if (shown === null && !reason) return "show";
        chose = !triggers.includes("poll.data") || (chose && dash().views.busy());
        return chose ? "auto" : "hide";
    }

    const live = {start, take, advance, waits, loading, wanted: () => wanted, state: () => ({shown, basis})};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {live});
})();
