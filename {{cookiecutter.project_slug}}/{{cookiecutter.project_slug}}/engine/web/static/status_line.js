// Shows how fresh the data are, and what is wrong. It counts their age up, so that an unreachable
// server is noticed.
(function () {
    const STATES = {loading: "Loading", live: "Live", stale: "Stale", error: "Error"};
    const COMPLETE = "Up to date"; // instead of "Live": the page shows all there is, however old
    const PAUSED = "Paused"; // instead of both
    const SILENT = 5; // seconds
    const dash = () => window.dash_clientside;
    const since = (moment) => dash().clock.since(moment);

    function duration(seconds) {
        const whole = Math.max(0, Math.round(seconds));
        if (whole < 120) return `${whole} s`;
        if (whole < 7200) return `${Math.floor(whole / 60)} min`;
        if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
        if (whole < 63_115_200) return `${Math.floor(whole / 86_400)} d`;
        return `${Math.floor(whole / 31_557_600)} years`;
    }

    function isSilent() {
        const {answered, outage} = dash().polling.state();
        return outage !== "" && since(answered) > SILENT;
    }

    function silence() {
        const {answered, outage} = dash().polling.state(), time = duration(since(answered));
        if (outage === "login") return `The server has been asking for a login for ${time}: reload the page.`;
        if (outage === "foreign") return `Something other than the server has been answering for ${time}.`;
        return `The server has not answered for ${time}.`;
    }

    // The newest reading of a poll response; nothing if the data have no times.
    function reading(said, at) {
        if (said.until ?? null) return `newest reading ${said.until}`; // of old data, or complete ones
        return said.age === null ? "" : `newest reading ${duration(said.age + since(at))} ago`;
    }

    function ages(basis) {
        const {answer, answered} = dash().polling.state(), parts = [reading(basis, basis.at)];
        const age = basis.age === null ? null : basis.age + since(basis.at);
        const checked = answer.refreshed === null ? null : answer.refreshed + since(answered);
        const next = answer.next - since(answered);
        if (dash().pause.at() !== null) return parts[0]; // the rest is about data not shown yet
        if (checked !== null && (age === null || age - checked > 60)) {
            parts.push(`checked ${duration(checked)} ago`);
        }
        if (next > 0) parts.push(`next in ${duration(next)}`);
        return parts.filter(Boolean).join(", ");
    }

    function isOld(basis) {
        return basis.stale_in !== null && since(basis.at) > basis.stale_in;
    }

    function paused() {
        const at = dash().pause.at();
        return at === null ? "" : `Paused at ${at}.`;
    }

    // What a paused page does not show yet.
    function waiting() {
        if (!dash().live.waits()) return "";
        const {answer, answered} = dash().polling.state(), how = reading(answer, answered);
        return how ? ` Newer data available: ${how}.` : " Newer data available.";
    }

    function status() {
        const {clock, live, pause, polling, refresh_now, views} = dash();
        live.advance();
        if (clock.hasJumped()) polling.poll();
        refresh_now.show();
        const {answer} = polling.state(), {shown, basis} = live.state(), silent = isSilent();
        let state = answer?.state ?? "loading";
        if (shown === null && answer && answer.version !== null) state = "loading"; // its views have not arrived yet
        if (basis && (isOld(basis) || views.lost() > SILENT)) state = "stale";
        if (silent) state = "stale";
        const shows = String(basis ? shown : "");
        let word = STATES[state];
        if (state === "live" && (basis?.until ?? null) !== null) word = COMPLETE;
        if (state === "live" && pause.at() !== null) word = PAUSED;
        const text = basis ? ages(basis) : "";
        const says = [silent ? silence() : answer?.message ?? "", views.says(), paused()];
        const notice = says.filter(Boolean).join("\n");
        const level = silent || answer?.warns || views.says() ? "warning" : "note";
        return only([announcement(word, notice), state, shows, word, text, notice + waiting(), level]);
    }

    // What a screen reader reads aloud: each message once, not whenever a number in it changes.
    function announcement(word, notice) {
        const text = notice.startsWith(word) ? notice : `${word}. ${notice}`;
        const kind = text.replace(/\(request \w+\)|\d[\d:,.]*( (s|min|h|d|years)\b)?/g, "");
        if (kind !== announcement.kind) Object.assign(announcement, {kind, text});
        return announcement.text;
    }

    // Leaves out what is unchanged: Dash would render it again.
    function only(values) {
        return dash().callback_context.outputs_list.map(({id, property}, at) => {
            const now = window.dash_component_api?.getLayout(id)?.props[property];
            return now === values[at] ? dash().no_update : values[at];
        });
    }

    const status_line = {status, isSilent};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {status_line});
})();
