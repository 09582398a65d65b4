// Moves the focus for the link "Skip to content".
(function () {
    // Following the link would change the address, and Dash would load the page again.
    addEventListener("click", (event) => {
        if (!event.target.matches?.(".skip")) return;
        event.preventDefault();
        document.getElementById("content")?.focus();
    });
})();
