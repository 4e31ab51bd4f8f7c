// Goes on to the payment page by itself; whoever came here with the Back button stays.
(() => {
  "use strict";
  const [how] = performance.getEntriesByType("navigation");
  if (how && how.type === "back_forward") return;
  document.querySelector("form[data-leaves]").submit();
})();
