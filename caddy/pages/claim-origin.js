"use strict";
// The address of a host below localhost; of http://localhost itself where there is no name.
function originOf(name) {
  const host = name ? `${name}.localhost` : "localhost";
  return `http://${host}${location.port && `:${location.port}`}`;
}
