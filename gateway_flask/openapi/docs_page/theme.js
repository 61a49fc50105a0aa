"use strict";
/* Dark colours for those whose system has them; Swagger UI follows the same class. */
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", apply);
  apply();
}
