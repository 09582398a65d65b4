// Remembers which of the page's parts the server failed to bring up to date.
(function () {
    const failing = new Map(); // by a callback's outputs: what to say of it
    const send = window.fetch;

    function part(output) {
        const id = /^(?:\.\.)?([^.]*)/.exec(output)[1];
        return document.getElementById(id)?.closest("[aria-label]")?.ariaLabel ?? id;
    }

    window.fetch = async function (url, options) {
        const response = await send.call(this, url, options);
        const asked = String(url).includes("/_dash-update-component") && options?.body;
        if (asked && !(response.ok && failing.size === 0)) {
            const {output} = JSON.parse(asked);
            const request = response.headers.get("X-Request-ID");
            const said = `could not be updated: the server's log says why (request ${request}).`;
            if (response.ok) failing.delete(output);
            else failing.set(output, `${part(output)} ${said}`);
        }
        return response;
    };

    window.dash_clientside = Object.assign({}, window.dash_clientside, {
        failing: {says: () => [...failing.values()].join("\n")},
    });
})();
