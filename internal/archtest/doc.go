// Package archtest holds the project to its own rules as a test: who may import whom and why, how
// long a function may be, what must be documented. It has no code of its own but its tests;
// `make check` runs it, and a violation is reported as file:line.
package archtest
