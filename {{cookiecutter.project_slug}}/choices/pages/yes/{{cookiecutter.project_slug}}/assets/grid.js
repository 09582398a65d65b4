// Draws a table's cells so that they let go of their past: AG Grid's own keep a note of each update in
// which their text stayed the same, for as long as it stays, which in months adds up.
(function () {
    const functions = (window.dashAgGridComponentFunctions ??= {});
    functions.Text = (props) => props.value ?? null;
})();
