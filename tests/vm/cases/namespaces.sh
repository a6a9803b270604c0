# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Two namespaces, each with a session on all seven hooks and traffic of its own at the same time: neither sees a packet of the other, though
# interfaces, addresses and numbers are the same.
# shellcheck shell=dash
mkfifo stop
sleep 1000 >stop &
holder=$!
for name in b c; do
	space $name
	pair "${name}x" b0 $name
	ip -n $name addr add 10.1.0.2/24 dev b0
	ip netns exec $name record -i b0 -k 0x7f -b 64 <stop >$name.out &
	eval "recorder_$name=\$!"
	wait_for 20 grep -q recording $name.out
done
# UDP to the namespace's own address: seen at ingress, PRE_ROUTING and LOCAL_IN.
send -i bx -n 700 -b 200 -m 02:00:00:00:00:0b -t 10.1.0.2 -p 30001 -s 10.1.0.1 &
sender=$!
send -i cx -n 300 -b 200 -m 02:00:00:00:00:0b -t 10.1.0.2 -p 30001 -s 10.1.0.1
wait $sender
sleep 0.5
kill $holder
# shellcheck disable=SC2154  # set by eval
wait "$recorder_b"
# shellcheck disable=SC2154
wait "$recorder_c"
cat b.out c.out
for name in b c; do
	numbers=$(sed -n 's/^numbers=\([0-9]*\) .*/\1/p' $name.out)
	case $name in b) expect "of b" "$numbers" 2100 ;; c) expect "of c" "$numbers" 900 ;; esac
done
