// Tells the server which tables below charts are open, so that closed ones cost nothing.
(function () {
    const changed = ({target}) => {
        const store = target.dataset?.opened;
        if (store) window.dash_clientside.set_props(store, {data: target.open});
    };
    document.addEventListener("toggle", changed, {capture: true}); // these events do not bubble
})();
