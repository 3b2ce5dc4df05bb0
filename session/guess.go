package session

import "strings"

// minRandomBits is how many random bits an id needs to be safe from guessing, with
// what its shape may hide: a UUID has 122, a [NewID] 130.
const minRandomBits = 96

// LooksRandom reports whether the id, by its shape, may hold enough random bits
// that nobody guesses it: a UUID, an id of [NewID], a long token. Names, numbers
// and dates do not. The shape does not prove that its maker drew it at random.
func (id ID) LooksRandom() bool {
	bits, start := 0, 0
	for i := range len(id) + 1 {
		if i == len(id) || !isAlphanumeric(id[i]) {
			bits += randomBits(string(id[start:i]))
			start = i + 1
		}
	}
	return bits >= minRandomBits
}

// randomBits estimates a run of letters and digits: groups of hexadecimal digits,
// and longer tokens than words are.
func randomBits(run string) int {
	digits := 0
	for i := range len(run) {
		if '0' <= run[i] && run[i] <= '9' {
			digits++
		}
	}
	switch {
	case digits == len(run):
		return 3 * len(run)
	case len(run) >= 4 && strings.Trim(run, "0123456789abcdefABCDEF") == "":
		return 4 * len(run)
	case digits > 0 && len(run) >= 16:
		return 5 * len(run)
	case len(run) >= 24:
		return 4 * len(run)
	}
	return 0
}
