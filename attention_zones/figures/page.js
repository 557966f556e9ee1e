// Adds filters and keys to the page of attention_zones.cases, which works without.
"use strict";
(() => {
  const questions = [...document.querySelectorAll("article")];
  const listed = [...document.querySelectorAll(".cells li")].map(item => [
    item, document.getElementById(item.querySelector("a").hash.slice(1))]);
  const bar = document.getElementById("filter");
  const [type, outcome] = bar.querySelectorAll("select");
  const target = () => document.getElementById(
    decodeURIComponent(location.hash.slice(1)));

  const filter = () => {
    for (const question of questions) {
      question.hidden = Boolean(
        type.value && question.dataset.type !== type.value ||
        outcome.value && question.dataset.outcome !== outcome.value);
    }
    for (const [item, question] of listed) item.hidden = question.hidden;
    const left = questions.filter(question => !question.hidden).length;
    bar.querySelector("output").textContent =
      `${left} of ${questions.length} questions`;
  };

  // A link, or the way back, may lead to a question that is filtered out.
  const reveal = () => {
    const question = target();
    if (question && question.hidden) {
      type.value = outcome.value = "";
      filter();
      question.scrollIntoView();
    }
  };

  // The question that is read: the one that was gone to, while any of it is seen;
  // else the last that begins above, or not far below, the screen's upper edge.
  const current = shown => {
    const went = shown.indexOf(target());
    const place = went < 0 ? null : shown[went].getBoundingClientRect();
    if (place && place.bottom > 0 && place.top < innerHeight) return went;
    return shown.filter(question =>
      question.getBoundingClientRect().top < innerHeight / 4).length - 1;
  };

  const move = event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey ||
        event.target.closest("select, [tabindex]")) return;
    const shown = questions.filter(question => !question.hidden);
    const next = shown[current(shown) + step];
    if (next) {
      event.preventDefault();
      location.hash = next.id;
    }
  };

  type.addEventListener("change", filter);
  outcome.addEventListener("change", filter);
  addEventListener("pageshow", filter);  // A browser may restore what was chosen.
  addEventListener("hashchange", reveal);
  addEventListener("keydown", move);
  document.documentElement.classList.add("js");
  bar.hidden = false;
})();
