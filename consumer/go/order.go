package main

// Order within a class, and sets of seqs: decisions that need no server.

import (
	"fmt"
	"strings"
)

// Range is first … last, both ends included.
type Range struct{ First, Last int64 }

// Decision is what the order demands of a batch.
type Decision int

const (
	Store  Decision = iota // from `next` on
	Repeat                 // all of it is stored: report it
	Gap                    // something before it is missing: ask for it
)

func decide(first, last, next int64) Decision {
	switch {
	case first > next:
		return Gap
	case last < next:
		return Repeat
	}
	return Store
}

// parseMultirange reads PostgreSQL's text of an int8multirange: {[1,3),[7,8)}.
func parseMultirange(text string) ([]Range, error) {
	var ranges []Range
	for _, one := range strings.SplitAfter(strings.Trim(text, "{}"), "),") {
		if one == "" {
			continue
		}
		var first, end int64
		if _, err := fmt.Sscanf(one, "[%d,%d)", &first, &end); err != nil {
			return nil, fmt.Errorf("not a multirange: %q: %w", text, err)
		}
		ranges = append(ranges, Range{first, end - 1})
	}
	return ranges, nil
}

// endOf is the last seq of the range that holds this one, or the seq before it.
func endOf(ranges []Range, seq int64) int64 {
	for _, one := range ranges {
		if one.First <= seq && seq <= one.Last {
			return one.Last
		}
	}
	return seq - 1
}

// nextOf is where a class goes on: behind what was reported and is still there, with what need not be
// there (conflicts, and who was left out). `lost`: MongoDB has less than was reported.
func nextOf(reported, highest int64, failed []Range) (next int64, lost bool) {
	for end := endOf(failed, highest+1); end > highest; end = endOf(failed, highest+1) {
		highest = end
	}
	return min(reported, highest) + 1, highest < reported
}

// windows cuts a range into some of at most `size`, in order, until one fails.
func windows(whole Range, size int64, each func(Range) error) error {
	for first := whole.First; first <= whole.Last; first += size {
		if err := each(Range{first, min(first+size-1, whole.Last)}); err != nil {
			return err
		}
	}
	return nil
}

// runs cuts a range where `apart` changes.
func runs(whole Range, apart map[int64]bool, found func(one Range, apart bool)) {
	for first := whole.First; first <= whole.Last; {
		last := first
		for last < whole.Last && apart[last+1] == apart[first] {
			last++
		}
		found(Range{first, last}, apart[first])
		first = last + 1
	}
}

// firstMissing is the first seq up to total that is neither there nor in a range; 0: none.
func firstMissing(total int64, there []int64, failed []Range) int64 {
	seq := int64(1)
	for at := 0; seq <= total; {
		for at < len(there) && there[at] < seq {
			at++
		}
		if at < len(there) && there[at] == seq {
			seq++
		} else if end := endOf(failed, seq); end >= seq {
			seq = end + 1
		} else {
			return seq
		}
	}
	return 0
}
