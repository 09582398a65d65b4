// The "Refresh now" button: shows that a refresh is under way until it has succeeded or failed.
(function () {
    const ID = "refresh-now", BUSY = "Refreshing…";
    let asked = false; // whether the viewer's request is pending
    let label = null; // the button's own

    function ask(clicks) {
        if (!clicks || asked) return;
        asked = true;
        window.dash_clientside.polling.requestRefresh();
        show();
    }

    // Follows the polls. While the server does not answer, the status line says so instead.
    function show() {
        const {internals, polling, set_props, status_line} = window.dash_clientside;
        if (!polling.isRequested()) asked = false;
        const props = internals.path(ID) && window.dash_component_api?.getLayout(ID)?.props;
        const busy = asked && !status_line.isSilent(), was = props?.["aria-busy"] === "true";
        if (!props || busy === was) return;
        if (busy) label = props.children;
        set_props(ID, {children: busy ? BUSY : label, "aria-busy": String(busy)});
    }

    const refresh_now = {ask, show};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {refresh_now});
})();
