// Package killtest runs the program as people do, as a process of its own against services on
// loopback, and takes it away at every moment at which it matters: killed, or interrupted once or
// twice, before, during and after each request that changes something. One apply later everything must
// stand as if nothing had happened, and no secret may have been seen anywhere.
//
// Without -all its tests take a sample of the moments; `make test-kill` takes all of them and prints
// the figures.
package killtest
