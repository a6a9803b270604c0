# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# A ring of four blocks and numbered packets, more than fit. drop-newest keeps exactly the oldest, drop-oldest exactly the newest; the sum is right at
# every moment. Also while the reader holds blocks and gives them back in random order.
# shellcheck shell=dash
space b
pair a0 b0 b
mkfifo stop
total=2000

value() { # FILE KEY
	tr ' ' '\n' <"$1" | sed -n "s/^$2=//p"
}

record_all() { # NAME OPTION...: what send sends to b0 while nothing is claimed, or as the options say
	local name=$1
	shift
	sleep 1000 >stop &
	holder=$!
	ip netns exec b record -i b0 -b 4 -t 10000000 "$@" <stop >"$name" &
	recorder=$!
	wait_for 20 grep -q recording "$name"
	expect "sent" "$(send -i a0 -n $total -b 1000 -r 20000)" $total
	sleep 0.5
	kill $holder
	wait $recorder
	cat "$name"
	expect "seen" "$(value "$name" seen)" $total
	expect "structure errors" "$(value "$name" bad)" 0
}

record_all newest -W
stored=$(value newest stored)
within "stored, drop-newest" "$stored" 200 300 # four blocks of 64 KiB, 1044 bytes a packet
expect "lost" "$(value newest full)" $((total - stored))
expect "the oldest: first, last, none missing" "$(value newest first) $(value newest last) $(value newest jumps)" "0 $((stored - 1)) 0"

record_all oldest -W -o
stored=$(value oldest stored)
within "stored, drop-oldest" "$stored" 180 300
expect "taken back" "$(value oldest taken_back)" $((total - stored))
expect "full" "$(value oldest full)" 0
expect "the newest: first, last, none missing" "$(value oldest first) $(value oldest last) $(value oldest jumps)" "$((total - stored)) $((total - 1)) 0"

# Eight of eight blocks may be held; the rest must come from what is given back, in random order.
record_all shuffled -R -b 12
expect "stored and lost" $(($(value shuffled stored) + $(value shuffled full))) $total
expect "none twice, in order" "$(value shuffled numbers)" "$(value shuffled stored)"
within "runs of losses" "$(value shuffled jumps)" 0 "$(value shuffled full)"
