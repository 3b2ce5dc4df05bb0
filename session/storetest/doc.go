// Package storetest holds the contract that every [session.Store] keeps, as one
// suite of tests, and [Memory], a store without a disk for the tests of others.
package storetest
