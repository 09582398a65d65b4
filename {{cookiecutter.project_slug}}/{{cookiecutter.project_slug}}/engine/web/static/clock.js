// Measures durations, which neither setting the clock nor the machine's sleep shortens; the page's
// own clock may stop during sleep.
(function () {
    let drift = null; // between the two clocks

    function moment(ago = 0) {
        return {steady: performance.now() - 1000 * ago, clock: Date.now() - 1000 * ago};
    }

    // Seconds since a moment.
    function since(then) {
        const now = moment();
        return Math.max(now.steady - then.steady, now.clock - then.clock) / 1000;
    }

    // Whether the machine slept or the clock was set: ages are then only estimates.
    function hasJumped() {
        const {steady, clock} = moment(), before = drift ?? clock - steady;
        const jumped = Math.abs(clock - steady - before) > 5000;
        drift = jumped ? clock - steady : before;
        return jumped;
    }

    const clock = {moment, since, hasJumped};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {clock});
})();
