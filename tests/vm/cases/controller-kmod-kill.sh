# memory: 1024
# timeout: 400
# The controller is killed under traffic, five times: the module lets go of everything, the next start makes room of what was preallocated, repairs the part
# and records on; what was told to be stored is there, each packet once.
# shellcheck shell=dash
pair a0 b0
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" }, "ports": [{ "name": "b0", "backend": "kmod", "ringSize": "16MiB" }] }
END
start() {
	capbox run --config config.json --json >status 2>log &
	capbox=$!
	(wait_for 30 grep -q '"state":"Capturing"' status) || fail "$(cat log status)"
}
for round in 1 2 3 4 5; do
	start
	send -i a0 -n 60000 -b 300 -r 8000 >sent &
	sender=$!
	wait_for 20 grep -q '"storedPackets":[1-9]' status
	sleep 1.$round
	kill -KILL $capbox
	# Of each status line but one that may be cut short.
	grep -o '"storedPackets":[0-9]*,' status | tail -n 1 | grep -o '[0-9]*' >>told
	wait $capbox || :
	expect "round $round: sessions" "$(cat /sys/module/capbox/refcnt)" 0
	# On a slow machine it may have sent all by now.
	kill -TERM $sender || :
	wait $sender || :
done
start
expect "sent" "$(send -i a0 -n 1000 -b 300 -r 8000)" 1000
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
expect "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" 1000
echo 1000 >>told
set -- /data/archive/*.pcapng
expect "segments" $# 6
for told in $(cat told); do
	capbox verify "$1"
	# The number's last two bytes, of each packet.
	tcpdump -t -xx -r "$1" 2>/dev/null | sed -n 's/.*0x0030:  \(....\).*/\1/p' | sort >numbers
	within "$1: packets" "$(wc -l <numbers)" "$told" 60000
	expect "$1: each once" "$(uniq numbers | wc -l)" "$(wc -l <numbers)"
	shift
done
expect "parts left" "$(find /data/archive -name '*.part' | wc -l)" 0
