// Logs out: ends the session, and replaces the password that the browser keeps with an invalid one.
(function () {
    const NOBODY = "*"; // also in logout.py

    function logOut() {
        const {internals, reload} = window.dash_clientside;
        const {requests_pathname_prefix} = internals.config();
        const url = `${requests_pathname_prefix}_logout`;
        const request = new XMLHttpRequest(); // fetch cannot log in
        request.open("POST", url, true, NOBODY, NOBODY);
        request.setRequestHeader("Content-Type", "application/json");
        request.onloadend = () => {
            if (request.status === 204) return location.replace(url);
            reload.hold(false);
            window.alert("You are still logged in: logging out failed. Try again.");
        };
        reload.hold(true); // polls are rejected from now on, which would load this page again
        request.send("{}");
    }

    document.addEventListener("click", ({target}) => target.closest?.("#log-out") && logOut());
})();
