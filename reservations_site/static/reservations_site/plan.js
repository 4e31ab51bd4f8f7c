"use strict";
// Adds a row to the table of sections; without this script two empty rows are there all the same.
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("tf-add-row");
  const empty = document.getElementById("tf-empty-row");
  const total = document.querySelector("[name=form-TOTAL_FORMS]");
  const body = document.querySelector(".tf-sections tbody");
  if (!button || !empty || !total || !body) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const holder = document.createElement("template");
    holder.innerHTML = empty.innerHTML.replaceAll("__prefix__", total.value);
    body.append(holder.content);
    total.value = String(Number(total.value) + 1);
    body.lastElementChild.querySelector("input").focus();
  });
});
