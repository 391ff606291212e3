package leak

import (
	"encoding/base32"
	"hash/crc32"
)

// The old tokens of Azure DevOps and NuGet have no literal to start at: they are runs
// of one alphabet, [a-z2-7], of a certain length.
const (
	oldPATLength = 52
	nugetLength  = 46
	// stride is the distance of the positions that are looked at: three in a row are
	// in every run that is long enough.
	stride = 14
)

// runRule judges a run of the alphabet.
type runRule func(run []byte) (Severity, bool)

func runRules() []rule {
	return []rule{
		{Rule: Rule{"leak/azure-devops-pat-old", AzureDevOpsPAT, Critical, // SEC101/102
			"a personal access token of Azure DevOps, in the format until 2024"}, run: judgeOldPAT},
		{Rule: Rule{"leak/nuget-key", NuGetKey, Critical, "an API key of NuGet"}, run: judgeNuGetKey}, // SEC101/031
	}
}

// judgeOldPAT is sure if the checksum holds. If it does not, the text is no token of
// ours, but it is as long and as random as one.
func judgeOldPAT(run []byte) (Severity, bool) {
	if len(run) != oldPATLength {
		return "", false
	}
	if validPAT(run) {
		return Critical, true
	}
	numbers, distinct := 0, map[byte]bool{}
	for _, c := range run {
		distinct[c] = true
		if digits[c] {
			numbers++
		}
	}
	return High, numbers >= 1 && len(distinct) >= 16 && !lowHex.all(run)
}

// validPAT checks the CRC-32 in bytes 2, 7, 8 and 22 of the token
// (security-utilities, SEC101_102_AdoPat.cs).
func validPAT(run []byte) bool {
	const userSeed, applicationSeed = 0xE0B9692D, 0x1019F92E
	token, err := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).
		DecodeString(string(run))
	if err != nil || len(token) != 32 {
		return false
	}
	stored := uint32(token[22]) | uint32(token[8])<<8 | uint32(token[7])<<16 | uint32(token[2])<<24
	rest := append(append(append(append([]byte{}, token[:2]...), token[3:7]...), token[9:22]...), token[23:]...)
	sum := crc32.ChecksumIEEE(rest)
	return stored == sum^userSeed || stored == sum^applicationSeed
}

func judgeNuGetKey(run []byte) (Severity, bool) {
	return Critical, len(run) == nugetLength && string(run[:3]) == "oy2"
}

// findRuns calls emit for the runs that begin in data[from:to].
func (s *ruleSet) findRuns(data []byte, from, to int, emit func(rank int, f found)) {
	end := min(len(data), to+oldPATLength)
	for i := from; i+2*stride < end; i += stride {
		switch { // from the back: where one is missing, so are the runs before it
		case !base32Low[data[i+2*stride]]:
			i += 2 * stride
		case !base32Low[data[i+stride]]:
			i += stride
		case base32Low[data[i]] && base32Low[data[i+stride/2]] && base32Low[data[i+stride+stride/2]]:
			start, stop := runAround(data, i)
			if start >= from && start < to {
				s.judgeRun(data, start, stop, emit)
			}
			i = max(i, stop-stride)
		}
	}
}

// runAround returns the run around i, cut off where it is too long anyway.
func runAround(data []byte, i int) (start, stop int) {
	start = base32Low.runBack(data, i, oldPATLength+2)
	switch {
	case start == 0:
	case data[start-1] == '\\':
		start++ // the n of \n
	case data[start-1] == '%':
		start += 2 // the digits of %3d
	}
	return start, base32Low.run(data, i, oldPATLength+3)
}

// judgeRun runs the rules on a run.
func (s *ruleSet) judgeRun(data []byte, start, stop int, emit func(rank int, f found)) {
	if stop-start < nugetLength || !begins(data, start, alnum) || !ends(data, stop, alnum) {
		return
	}
	for _, rank := range s.runs {
		if severity, ok := s.rules[rank].run(data[start:stop]); ok {
			emit(rank, found{from: start, to: stop, severity: severity})
		}
	}
}
