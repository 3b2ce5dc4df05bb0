// Package drivertest has the contract that every [scaler.Driver] keeps ([Run]),
// and a driver that follows a script ([Fake]) for tests and rehearsals: slow and
// failing starts, tasks that die, never answer or refuse the host, an API that
// throttles, stops that take long or fail.
package drivertest
