// Package kindtest holds the contract that every kind must pass, run through the whole program below
// the command line: a spec, the engine, the clients, the transport, and the sandbox.
package kindtest
