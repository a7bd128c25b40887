// A search has come back. One host that has begun the sign-in gets the answer; none or two, and the developer chooses.
async function end() {
  const answer = JSON.parse(take(KEY) ?? "null");
  if (!answer) {
    for (const element of document.querySelectorAll("main > [hidden]")) element.hidden = false;
    return;
  }
  const heard = new URLSearchParams(location.hash.slice(1));
  const maybe = (heard.get("maybe") ?? "").split(",").filter(Boolean);
  // Only a host that was asked, or one below it
  const asked = (by) => /^[a-z0-9.-]+$/.test(by) && answer.asked.some(([host]) => by === host || by.endsWith(`.${host}`));
  const sure = heard.get("by") ?? "";
  if (asked(sure)) return handTo(sure, answer);
  // Somebody may have come to a worktree only a moment before, which the watcher has not seen yet
  if (visit(answer, [...(await sites(answer)), ...everybody(answer)], { most: ALL, maybe })) return;
  if (maybe.length === 1 && asked(maybe[0])) handTo(maybe[0], answer);
  else giveUp(answer);
}

end();
