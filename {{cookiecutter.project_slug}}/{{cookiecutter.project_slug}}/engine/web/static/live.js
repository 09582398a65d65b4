// Asks the server for a new version when one is due, gives it to the views once the last one is
// shown, and counts the age of the data on meanwhile, so that a server that is out of reach shows.
(function () {
    const STATES = {loading: "Loading", live: "Live", stale: "Stale", error: "Error"};
    const SOON = 0.25, LATE = 2, RARELY = 60, PATIENCE = 10, SILENT = 5; // seconds
    const dash = () => window.dash_clientside;
    let answer = null; // the last one
    let answered = moment();
    let wanted = null, wantedAt = 0; // the version that the views were given
    let shown = null; // the version that they show: one of which all views have arrived
    let said = null; // what the server said last of the version that is wanted, and when
    let basis = null; // and of the one that is shown
    let outage = ""; // "silent", "login" or "foreign" while there is no good answer
    let chose = false; // whether what is loading is a viewer's own choice
    let pause = SOON; // grows while the next version is late
    let timer = null;
    let asked = 0; // how often

    // Seconds since a moment. No clock that is set makes them less, nor does a machine's sleep,
    // through which the one of the page may stand still.
    function moment() {
        return {steady: performance.now(), clock: Date.now()};
    }

    function since(then) {
        const now = moment();
        return Math.max(now.steady - then.steady, now.clock - then.clock) / 1000;
    }

    // After a sleep, or when the clock was set, the ages are no more than a guess.
    function hasJumped() {
        const drift = Date.now() - performance.now(), jumped = Math.abs(drift - hasJumped.drift) > 5000;
        if (jumped || !hasJumped.drift) hasJumped.drift = drift;
        return jumped;
    }

    function take(newest) {
        answer = newest;
        answered = moment();
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

    // Whether the views are to get the version that the server has.
    function isNews() {
        if (!answer || answer.version === null || answer.version === wanted) return false;
        // A server that has just started has none yet; the page keeps the one it shows. So it does
        // if one of several is cut off from the newest data. Else a lower version is one of a
        // server whose clock was set back.
        return !(answer.version < wanted && answer.state !== "live");
    }

    // Takes the next step, if one is due: no version is given to the views while some are under way,
    // so that all show the same one.
    function advance() {
        const {views, internals} = dash();
        const settled = performance.now() - wantedAt > 10; // Dash asks a moment after it was told
        const busy = views.busy() || internals.waiting() || !settled;
        if (!busy && shown !== wanted) arrive();
        if (isNews()) {
            if (busy) views.hold();
            else give(answer.version);
        } else if (!busy && views.takeStale()) {
            give(wanted);
        }
        if (busy || isNews()) {
            clearTimeout(advance.timer);
            advance.timer = setTimeout(advance, settled ? 250 : 15);
        }
    }

    function give(version) {
        if (version !== wanted) pause = SOON;
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
        basis = said ?? basis;
        dash().set_props("clock", {n_intervals: 0}); // so that the status line says so at once
        if (first && answer) dash().set_props("poll", {data: {...answer}});
    }

    // About once a refresh, and not with all other pages in the same instant.
    function wait() {
        if (document.hidden) return RARELY;
        if (!outage && answer.next > 0) {
            pause = SOON;
            const due = answer.next + Math.random() * Math.min(answer.next / 10, 1);
            const stale = answer.stale_in > 0 ? answer.stale_in + Math.random() : Infinity; // to say why
            return Math.min(due, stale, RARELY);
        }
        const late = pause * (0.75 + Math.random() / 2);
        pause = Math.min(2 * pause, LATE);
        return late;
    }

    function isAnswer(it) {
        return typeof it?.code === "string" && it.state in STATES && it.version !== undefined;
    }

    // Asks, and returns the answer; or what is there in its place.
    async function fetchNewest(method) {
        const config = JSON.parse(document.getElementById("_dash-config").textContent);
        const query = wanted === null ? "" : `?version=${wanted}`;
        const aborter = new AbortController();
        const limit = setTimeout(() => aborter.abort(), 1000 * PATIENCE);
        try {
            const response = await fetch(`${config.requests_pathname_prefix}_live${query}`, {
                method,
                headers: {
                    "X-Requested-With": "XMLHttpRequest", // so that no dialog asks for a password
                    ...(method === "POST" && {"Content-Type": "application/json"}),
                },
                redirect: "manual",
                signal: aborter.signal,
            });
            if (response.type === "opaqueredirect" || response.status === 401) return "login";
            if (!response.ok) return "silent";
            const newest = await response.json().catch(() => null);
            return isAnswer(newest) ? newest : "foreign";
        } catch {
            return "silent";
        } finally {
            clearTimeout(limit);
        }
    }

    async function poll(method) {
        const mine = ++asked;
        const newest = await fetchNewest(method);
        if (mine !== asked) return; // a later one asks
        const was = outage;
        outage = typeof newest === "string" ? newest : "";
        if (!outage) {
            if (was) dash().views.hurry();
            take(newest);
        } else if (outage === "login" && answer) {
            dash().reload.logIn(); // not if it is so from the start, which no reload would change
        }
        clearTimeout(timer);
        timer = setTimeout(poll, 1000 * wait(), outage ? method : "GET");
    }

    function start(_id, version) {
        wanted = version ?? null;
        wantedAt = performance.now();
        dash().views.onChange(advance);
        document.addEventListener("visibilitychange", () => document.hidden || poll("GET"));
        poll("GET");
    }

    function ask(clicks) {
        if (clicks) poll("POST");
    }

    function duration(seconds) {
        const whole = Math.max(0, Math.round(seconds));
        if (whole < 120) return `${whole} s`;
        if (whole < 7200) return `${Math.floor(whole / 60)} min`;
        if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
        return `${Math.floor(whole / 86_400)} d`;
    }

    function silence() {
        const time = duration(since(answered));
        if (outage === "login") return `The server has asked to log in for ${time}: load the page again.`;
        if (outage === "foreign") return `Something else has answered in the server's place for ${time}.`;
        return `The server has not answered for ${time}.`;
    }

    function ages() {
        const parts = [];
        const age = basis.age === null ? null : basis.age + since(basis.at);
        const checked = answer.refreshed === null ? null : answer.refreshed + since(answered);
        const next = answer.next - since(answered);
        if (age !== null) parts.push(`newest reading ${duration(age)} ago`);
        if (checked !== null && (age === null || age - checked > 60)) {
            parts.push(`checked ${duration(checked)} ago`);
        }
        if (next > 0) parts.push(`next in ${duration(next)}`);
        return parts.join(", ");
    }

    function isOld() {
        return basis.stale_in !== null && since(basis.at) > basis.stale_in;
    }

    function status() {
        advance();
        if (hasJumped()) poll("GET");
        const silent = outage && since(answered) > SILENT;
        const says = [silent ? silence() : answer?.message ?? "", dash().views.says()];
        let state = answer?.state ?? "loading";
        if (shown === null && answer && answer.version !== null) state = "loading"; // its views are to come
        if (basis && (isOld() || dash().views.lost() > SILENT)) state = "stale";
        if (silent) state = "stale";
        const text = basis ? ages() : "", notice = says.filter(Boolean).join("\n");
        const shows = String(basis ? shown : "");
        return only([state, shows, STATES[state], text, notice, announcement(state, notice)]);
    }

    // What a screen reader reads aloud: what is so, once, not each time that a number in it changes.
    function announcement(state, notice) {
        const text = `${STATES[state]}. ${notice}`;
        const kind = text.replace(/\(request \w+\)|\d[\d:,.]*( (s|min|h|d)\b)?/g, "");
        if (kind !== announcement.kind) Object.assign(announcement, {kind, text});
        return announcement.text;
    }

    // Leaves out what is as before, which Dash would draw again all the same.
    function only(values) {
        return dash().callback_context.outputs_list.map(({id, property}, at) => {
            const now = window.dash_component_api?.getLayout(id)?.props[property];
            return now === values[at] ? dash().no_update : values[at];
        });
    }

    // Marks loading until the first views are there, or a reason why not; then only for a viewer's
    // own change, until what was chosen is there.
    function loading(newest) {
        const triggers = dash().callback_context.triggered.map((it) => it.prop_id);
        const reason = newest && newest.version === null && newest.state !== "loading";
        if (shown === null && !reason) return "show";
        chose = !triggers.includes("poll.data") || (chose && dash().views.busy());
        return chose ? "auto" : "hide";
    }

    const live = {start, ask, status, loading};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {live});
})();
