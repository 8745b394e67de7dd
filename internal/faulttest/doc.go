// Package faulttest holds the whole program to what it promises when things go wrong: every class of
// fault, at every kind of object and every operation on it, and random histories against a plain model
// of who owns what. It drives the command line in process, against the sandbox and on a clock of its own.
package faulttest
