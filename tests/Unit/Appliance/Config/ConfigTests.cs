// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Config;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Capbox.Platform.Json;
using Capbox.Ptp.Messages;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests;

/// <summary>The configuration document: what it becomes, and what each mistake is told as.</summary>
public sealed class ConfigTests
{
    [Fact]
    public void The_documented_example_is_valid_and_means_what_it_says()
    {
        ConfigResult result = ConfigDocument.Load(Path.Combine(Repository.Root, "docs", "reference", "capbox.example.json"));
        Assert.Empty(result.Errors);
        RecorderOptions options = Assert.IsType<RecorderOptions>(result.Options);
        Assert.Equal(1ul, options.ConfigRevision);
        Assert.Equal("CB-2026-0001", options.Serial);
        Assert.Equal("/etc/capbox/custody.key", result.CustodyKey);
        Assert.Equal(("eth2", DisciplinedClock.Card, true, 50L, 1000L), (result.Clock!.Interface, result.Clock.Clock, result.Clock.IsSteered, result.Clock.AsymmetryNs, result.Clock.TargetNs));
        Assert.Equal([(byte)0], result.Clock.Domains);
        Assert.Equal([new ClockIdentity(0xEC4670FFFE0012AB)], result.Clock.Grandmasters);
        Assert.Equal(900, options.Storage.RotateSeconds);
        Assert.Equal(1L << 30, options.Storage.SegmentBytes);
        Assert.Equal(["eth2", "eth3", "trading/eth0"], options.Ports.Select(p => p.Name));
        Assert.Equal(
            "(udp and (dst host 239.1.1.1 or dst host 239.1.1.2 or dst net 239.1.2.0/24) and (dst port 30001 or dst portrange 30010-30020))"
            + " or (udp and (dst host 239.2.1.1)) or arp",
            options.Ports[0].Filter);
        Assert.Equal("((tcp port 7001 or tcp port 7002) or arp or icmp)", options.Ports[1].Filter);
        Assert.Equal(128L << 20, options.Ports[0].RingBytes);
        Assert.Equal(OffloadMode.Off, options.Ports[0].Offloads);
        Assert.Equal([0, 1], options.Ports[0].Cpus);
    }

    [Fact]
    public void A_clock_that_an_outside_program_keeps()
    {
        const string Ptp4l = """{"source":"ptp4l","domains":[5],"grandmasters":["ec4670.fffe.0012ab"],"trustUnflaggedUtc":true,"asymmetryNs":7,"targetNs":900,"systemFollows":true,"cardsFollow":true,"interface":"b"}""";
        ClockOptions ptp4l = Parse($$"""{"ports":[{"name":"a"}],"clock":{{Ptp4l}}}""").Clock!;
        Assert.Equal((ClockSource.Ptp4l, null, "b", true, true), (ptp4l.Source, ptp4l.Socket, ptp4l.Interface, ptp4l.SystemFollows, ptp4l.CardsFollow));
        Assert.Equal([(byte)5], ptp4l.Domains);
        ClockOptions chrony = Parse("""{"ports":[{"name":"a"}],"clock":{"source":"chrony","socket":"[::1]:323","cardsFollow":true,"targetNs":1000000}}""").Clock!;
        Assert.Equal((ClockSource.Chrony, "[::1]:323", "", true, 1_000_000L), (chrony.Source, chrony.Socket, chrony.Interface, chrony.CardsFollow, chrony.TargetNs));
        Assert.Null(Parse("""{"ports":[{"name":"a"}],"clock":{"source":"none"}}""").Clock);
    }

    [Fact]
    public void A_virtual_clock_and_exchanges_that_are_written_down()
    {
        ClockOptions clock = Parse("""{"ports":[{"name":"a"}],"clock":{"interface":"a","virtualClock":true,"exchangeLog":"64MiB"}}""").Clock!;
        Assert.Equal((true, 64L << 20), (clock.IsVirtual, clock.ExchangeLogBytes));
        clock = Parse("""{"ports":[{"name":"a"}],"clock":{"interface":"a"}}""").Clock!;
        Assert.Equal((false, 0L), (clock.IsVirtual, clock.ExchangeLogBytes));
    }

    [Fact]
    public void The_shortest_document_takes_the_documented_defaults()
    {
        RecorderOptions options = Good("""{"ports":[{"name":"eth2"}]}""");
        Assert.Equal(new StorageOptions { Directory = "/var/lib/capbox" }, options.Storage);
        PortOptions expected = new() { Name = "eth2" };
        Assert.Equal(expected, options.Ports[0] with { Cpus = expected.Cpus });
        Assert.Empty(options.Ports[0].Cpus);
        Assert.Null(ConfigDocument.Parse("{\"ports\":[{\"name\":\"eth2\"}]}"u8.ToArray()).CustodyKey);
    }

    [Theory]
    [InlineData("""{}""", "$.ports: this key is required; [] records nothing")]
    [InlineData("""{"ports":[{}]}""", "$.ports[0].name: this key is required")]
    [InlineData("""{"ports":{"name":"a"}}""", "$.ports: expected an array, found an object")]
    [InlineData("""{"ports":["a"]}""", "$.ports[0]: expected an object, found the string \"a\"")]
    [InlineData("""{"ports":[{"name":"a"},{"name":"a"}]}""", "$.ports[1].name: a is a port already, at $.ports[0]")]
    [InlineData("""{"ports":[{"name":"a","name":"b"}]}""", "$.ports[0].name: this key appears twice")]
    [InlineData("""{"ports":[{"name":7}]}""", "$.ports[0].name: expected a string, found the number 7")]
    [InlineData("""{"ports":[{"name":""}]}""", "$.ports[0].name: the name of a port is empty")]
    [InlineData("""{"ports":[{"name":"a/b"}]}""", "$.ports[0].name: \"a/b\" cannot be the name of an interface")]
    [InlineData("""{"ports":[{"name":"a-name-of-16-byt"}]}""", "$.ports[0].name: \"a-name-of-16-byt\" is longer than the 15 bytes of an interface name")]
    [InlineData("""{"ports":[{"name":"blue/a"}]}""", "$.ports[0].name: \"blue/a\" cannot be the name of an interface")]
    [InlineData("""{"ports":[{"name":"a","netns":"no-such"},{"name":"a"},{"name":"a","netns":"no-such"}]}""", "$.ports[2].name: no-such/a is a port already, at $.ports[0]")]
    [InlineData("""{"ports":[{"name":"a","netns":""}]}""", "$.ports[0].netns: the name of a network namespace is empty")]
    [InlineData("""{"ports":[{"name":"a","netns":7}]}""", "$.ports[0].netns: expected a string, found the number 7")]
    [InlineData("""{"ports":[{"name":"a","netns":"run/netns/blue"}]}""", "$.ports[0].netns: \"run/netns/blue\" is neither the name of a network namespace (ip netns) nor an absolute path of one")]
    [InlineData("""{"ports":[{"name":"a","netns":"/run/netns/"}]}""", "$.ports[0].netns: \"/run/netns/\" is neither the name of a network namespace (ip netns) nor an absolute path of one")]
    [InlineData("""{"ports":[{"name":"a","netns":"blue,red"}]}""", "$.ports[0].netns: \"blue,red\" has a comma or a control character")]
    [InlineData("""{"ports":[{"name":"a","netns":"/dev/null"}]}""", "$.ports[0].netns: /dev/null is no network namespace")]
    [InlineData("""{"ports":[{"name":"a"}],"custody":{}}""", "$.custody.key: this key is required")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{}}""", "$.clock.interface: this key is required")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"blue/a"}}""", "$.clock.interface: \"blue/a\" is not an interface of this network namespace")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","source":"ntp"}}""", "$.clock.source: \"ntp\" is none of ptp, ptp4l, chrony, none")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","socket":"/run/x"}}""", "$.clock.socket: only for \"source\": \"ptp4l\" and \"chrony\"")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"ptp4l","clock":"card","transport":"udp4"}}""", "$.clock.clock: with \"source\": \"ptp4l\" that is for ptp4l's own configuration|$.clock.transport: with \"source\": \"ptp4l\" that is for ptp4l's own configuration")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"ptp4l","socket":"127.0.0.1:323"}}""", "$.clock.socket: \"127.0.0.1:323\" is not the path of a socket")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"ptp4l","domains":[0,1]}}""", "$.clock.domains: a ptp4l has one domain")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"chrony","asymmetryNs":5}}""", "$.clock.asymmetryNs: with \"source\": \"chrony\" it has no meaning: chronyd steers the system clock, by its own configuration")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"chrony","socket":"192.0.2.1:323"}}""", "$.clock.socket: \"192.0.2.1:323\" is neither a path nor a loopback address with a port: \"127.0.0.1:323\"")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","domains":[0,256]}}""", "$.clock.domains[1]: a domain is a number from 0 to 255")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","clock":"system","systemFollows":true}}""", "$.clock.systemFollows: with \"clock\": \"system\" it is the clock itself")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","clock":"system","virtualClock":true}}""", "$.clock.virtualClock: with \"clock\": \"system\" no card's clock is disciplined")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"source":"ptp4l","exchangeLog":"1GiB"}}""", "$.clock.exchangeLog: with \"source\": \"ptp4l\" that is for ptp4l's own configuration")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","domains":[3,3]}}""", "$.clock.domains[1]: domain 3 is given twice")]
    [InlineData("""{"ports":[{"name":"a"}],"clock":{"interface":"a","grandmasters":["me"]}}""", "$.clock.grandmasters[0]: a grandmaster is a clock identity of 16 hexadecimal digits: \"ec4670.fffe.0012ab\"")]
    [InlineData("""{"ports":[{"name":"a"}],"custody":{"key":""}}""", "$.custody.key: not a path")]
    [InlineData("""{"ports":[{"name":"a"}],"custody":{"kye":"a","key":"b"}}""", "$.custody.kye: unknown key; did you mean \"key\"?")]
    [InlineData("""{"ports":[{"name":"a"}],"storge":{}}""", "$.storge: unknown key; did you mean \"storage\"?")]
    [InlineData("""{"ports":[{"name":"a","snaplength":64}]}""", "$.ports[0].snaplength: unknown key; did you mean \"snapLength\"?")]
    [InlineData("""{"ports":[{"name":"a","snapLength":31}]}""", "$.ports[0].snapLength: 31 is not within 32 to 262144")]
    [InlineData("""{"ports":[{"name":"a","snapLength":64.5}]}""", "$.ports[0].snapLength: expected a whole number, found the number 64.5")]
    [InlineData("""{"ports":[{"name":"a","rings":65}]}""", "$.ports[0].rings: 65 is not within 1 to 64")]
    [InlineData("""{"ports":[{"name":"a","direction":"inwards"}]}""", "$.ports[0].direction: \"inwards\" is none of both, in, out")]
    [InlineData("""{"ports":[{"name":"a","ringSize":"64M"}]}""", "$.ports[0].ringSize: \"64M\" is not a size: a whole number with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB")]
    [InlineData("""{"ports":[{"name":"a","ringSize":67108864}]}""", "$.ports[0].ringSize: expected a string, found the number 67108864")]
    [InlineData("""{"ports":[{"name":"a","ringSize":"2MiB"}]}""", "$.ports[0].ringSize: 2MiB is less than 3 blocks of 1MiB")]
    [InlineData("""{"ports":[{"name":"a","ringSize":"4097KiB"}]}""", "$.ports[0].ringSize: 4097KiB is not a multiple of blockSize, 1MiB")]
    [InlineData("""{"ports":[{"name":"a","backend":"kmod","ringSize":"2GiB","blockSize":"64KiB"}]}""", "$.ports[0].ringSize: 2GiB is more than 16384 blocks of 64KiB, the most that the kernel module's rings may have; a larger blockSize makes it fewer")]
    [InlineData("""{"ports":[{"name":"a","overflow":"drop-oldest","ringSize":"32GiB"}]}""", "$.ports[0].ringSize: 32GiB is more than 16384 blocks of 1MiB, the most that the kernel module's rings may have; a larger blockSize makes it fewer")]
    [InlineData("""{"ports":[{"name":"a","backend":"kmod","blockSize":"8MiB"}]}""", "$.ports[0].blockSize: 8MiB is more than the kernel module's blocks may have, 4MiB")]
    [InlineData("""{"ports":[{"name":"a","blockSize":"96KiB"}]}""", "$.ports[0].blockSize: 96KiB is not a power of two")]
    [InlineData("""{"ports":[{"name":"a","handover":"0ms"}]}""", "$.ports[0].handover: 0ms is not within 1 ms to 10000 ms")]
    [InlineData("""{"ports":[{"name":"a","handover":"fast"}]}""", "$.ports[0].handover: \"fast\" is not a duration: a whole number with ms, s, m, h or d")]
    [InlineData("""{"ports":[{"name":"a","cpus":[0,-1]}]}""", "$.ports[0].cpus[1]: expected a CPU number from 0 to 1023, found the number -1")]
    [InlineData("""{"ports":[{"name":"a","blockSize":"8MiB"}],"storage":{"segmentSize":"16MiB"}}""", "$.storage: segmentSize 16MiB is less than 4 blocks of 8MiB")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"rotate":"1500ms"}}""", "$.storage.rotate: whole seconds only")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{}}}""", "$.storage.retention: no rule: give minFree, maxTotal, maxAge or portMaxAge")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"minFree":"95%"}}}""", "$.storage.retention.minFree: \"95%\" is neither 1% to 90% nor a whole number with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"maxTotal":"1GiB","keepAtLeast":"2GiB"}}}""", "$.storage.retention.keepAtLeast: more than maxTotal: both cannot hold")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"maxAge":"1d","maxDeletesPerMinute":0}}}""", "$.storage.retention.maxDeletesPerMinute: 0 is not within 1 to 60000")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"portMaxAge":{}}}}""", "$.storage.retention: no rule: give minFree, maxTotal, maxAge or portMaxAge")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"portMaxAge":{"eth 1":"1d"}}}}""", "$.storage.retention.portMaxAge['eth 1']: \"eth 1\" cannot be the name of an interface")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"retention":{"portMaxAge":{"a/b/c":"1d"}}}}""", "$.storage.retention.portMaxAge['a/b/c']: \"a/b\" is neither the name of a network namespace (ip netns) nor an absolute path of one")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"mode":"triger"}}""", "$.storage.mode: \"triger\" is none of continuous, trigger")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"trigger":{"before":"99ms"}}}""", "$.storage.trigger.before: 99ms is not within 100 ms to 3600000 ms")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":{"mode":"trigger","trigger":{"afer":"1s","filter":"@none"}}}""", "$.storage.trigger.filter: there is no filter named @none|$.storage.trigger.afer: unknown key; did you mean \"after\"?")]
    [InlineData("""{"ports":[{"name":"a"}],"storage":null}""", "$.storage: expected an object, found null")]
    [InlineData("""{"ports":[{"name":"a","filter":"@none"}]}""", "$.ports[0].filter: there is no filter named @none")]
    [InlineData("""{"ports":[{"name":"a","filter":" "}]}""", "$.ports[0].filter: an empty filter; leave it out to record everything")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":{"groups":["10.1.1.1"]}}}""", "$.filters.x.groups[0]: 10.1.1.1 is not a multicast group; write other addresses as an expression, \"host 10.1.1.1\"")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":{"groups":["239.1.1.1/8"]}}}""", "$.filters.x.groups[0]: \"239.1.1.1/8\" is not an address prefix")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":{"groups":["239.257"]}}}""", "$.filters.x.groups[0]: \"239.257\" is not an IP address in its usual form")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":{"ports":["20-10"]}}}""", "$.filters.x.ports[0]: expected a port from 1 to 65535 or a range as \"30010-30020\", found the string \"20-10\"")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":{}}}""", "$.filters.x: an empty set; give groups, ports or protocol")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"1x":"arp"}}""", "$.filters.1x: a filter's name is a letter, then letters, digits, '_' and '-', at most 64")]
    [InlineData("""{"ports":[{"name":"a"}],"filters":{"x":7}}""", "$.filters.x: expected an object, found the number 7")]
    public void Each_mistake_is_one_line_with_its_path(string json, string expected) =>
        Assert.Equal(expected.Split('|'), Parse(json).Errors.Select(e => e.ToString()));

    [Fact]
    public void A_filter_that_does_not_compile_is_told_in_the_words_of_libpcap()
    {
        ConfigError error = Assert.Single(Parse("""{"ports":[{"name":"a","filter":"tcp prot 80"}]}""").Errors);
        Assert.Equal("$.ports[0].filter", error.Path);
        Assert.StartsWith("\"tcp prot 80\" does not compile: ", error.Reason, StringComparison.Ordinal);
        Assert.True(error.Reason.Length > 40, "libpcap's message is missing");
    }

    [Fact]
    public void A_filter_that_needs_a_link_header_is_refused_for_hooks_of_the_network_layer()
    {
        const string Port = """{"filters":{"f":"ether host 02:00:00:00:00:0a"},"ports":[{"name":"a","hooks":["HOOK"],"filter":"udp or @f"}]}""";
        ConfigError error = Assert.Single(Parse(Port.Replace("HOOK", "local-in", StringComparison.Ordinal)).Errors);
        Assert.Equal("$.ports[0].filter", error.Path);
        Assert.StartsWith("hooks of the network layer see no link header: ", error.Reason, StringComparison.Ordinal);
        Assert.Empty(Parse(Port.Replace("HOOK", "ingress", StringComparison.Ordinal)).Errors);
        Assert.Empty(Parse(Port.Replace("HOOK", "local-in", StringComparison.Ordinal).Replace("udp or @f", "udp", StringComparison.Ordinal)).Errors);
    }

    [Fact]
    public void Mode_trigger_has_its_defaults_and_takes_named_filters()
    {
        Assert.Null(Good("""{"ports":[{"name":"a"}],"storage":{"trigger":{"before":"1m"}}}""").Trigger);
        Assert.Equal(new TriggerOptions(), Good("""{"ports":[{"name":"a"}],"storage":{"mode":"trigger"}}""").Trigger);
        TriggerOptions options = Good("""
            {"filters":{"f":"arp"},"ports":[{"name":"a"}],"storage":{"mode":"trigger","trigger":{"before":"1m","after":"0s","holdoff":"2s","filter":"@f or icmp"}}}
            """).Trigger!;
        Assert.Equal((60, 0, 2, "(arp) or icmp"), (options.Before.TotalSeconds, options.After.TotalSeconds, options.Holdoff.TotalSeconds, options.Filter));
    }

    [Fact]
    public void A_port_of_a_namespace_has_its_name_in_front()
    {
        RecorderOptions options = Good("""
            {"ports":[{"name":"eth0"},{"name":"eth0","netns":"no-such"},{"name":"eth0","netns":"/no/such"}],"storage":{"retention":{"portMaxAge":{"no-such/eth0":"1d"}}}}
            """);
        Assert.Equal(["eth0", "no-such/eth0", "/no/such/eth0"], options.Ports.Select(p => p.Name));
        Assert.Equal([null, "no-such", "/no/such"], options.Ports.Select(p => p.Netns));
        Assert.All(options.Ports, p => Assert.Equal("eth0", p.Interface));
    }

    [Fact]
    public void Retention_rules_are_what_the_document_says()
    {
        ConfigResult result = Parse("""
            {"ports":[{"name":"a"}],"storage":{"directory":"/x","holdQuota":"10GiB","retention":{"minFree":"5%","maxTotal":"1TiB","maxAge":"30d","portMaxAge":{"a":"7d"},"keepAtLeast":"1GiB","maxDeletesPerMinute":7}}}
            """);
        RetentionRules rules = result.Archive!.Retention!;
        Assert.Equal(("/x", 10L << 30), (result.Archive.Directory, result.Archive.HoldQuotaBytes));
        Assert.Equal((0, 5, 1L << 40, 30 * 86_400_000_000_000, 1L << 30, 7), (rules.MinFreeBytes, rules.MinFreePercent, rules.MaxTotalBytes, rules.MaxAgeNs, rules.KeepBytes, rules.MaxDeletesPerMinute));
        Assert.Equal(7 * 86_400_000_000_000, rules.PortMaxAgeNs["a"]);
        Assert.Equal(50L << 30, Parse("""{"ports":[{"name":"a"}],"storage":{"retention":{"minFree":"50GiB"}}}""").Archive!.Retention!.MinFreeBytes);
        Assert.Null(Parse("""{"ports":[{"name":"a"}]}""").Archive!.Retention);
    }

    [Fact]
    public void A_circle_of_filters_is_named()
    {
        ConfigResult result = Parse("""{"ports":[{"name":"a","filter":"@x"}],"filters":{"x":"@y or arp","y":"ip and @x"}}""");
        Assert.Contains(result.Errors, e => e.ToString() == "$.filters.x: named filters use each other in a circle: @y -> @x -> @y");
        Assert.Null(result.Options);
    }

    [Fact]
    public void Filters_that_double_again_and_again_are_refused_and_not_expanded()
    {
        StringBuilder json = new("""{"ports":[{"name":"a"}],"filters":{"f0":"arp or ip",""");
        for (int i = 1; i < 40; i++)
            json.Append($"\"f{i}\":\"@f{i - 1} or @f{i - 1}\",");
        json.Append("}}");
        Assert.Contains(Parse(json.ToString()).Errors, e => e.Reason.StartsWith("longer than 65536 characters", StringComparison.Ordinal));
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        ConfigResult result = Parse("""
            {
              // three ports, each wrong in another way
              "ports": [ { "name": "a", "rings": 0 }, { "name": "b", "filter": "@x" }, { "name": "a" }, ],
              "storage": { "segmentSize": "1" },
            }
            """);
        Assert.Equal(
            ["$.storage.segmentSize", "$.ports[0].rings", "$.ports[1].filter", "$.ports[2].name"], result.Errors.Select(e => e.Path));
    }

    [Theory]
    [InlineData("{\n  \"ports\": [,]\n}", "line 2, column 13")]
    [InlineData("", "line 1, column 1")]
    [InlineData("{\"a\":1} x", "line 1, column 9")]
    public void Text_that_is_no_json_is_told_with_line_and_column(string text, string path) =>
        Assert.Equal(path, Assert.Single(Parse(text).Errors).Path);

    [Fact]
    public void A_document_of_garbage_gives_a_bounded_number_of_lines()
    {
        string json = "{" + string.Join(",", Enumerable.Range(0, 5000).Select(i => $"\"key{i}\":1")) + "}";
        Assert.InRange(Parse(json).Errors.Count, 50, 51);
    }

    [Theory]
    [InlineData("0B", 0)]
    [InlineData("64MiB", 64L << 20)]
    [InlineData("64 MiB", 64L << 20)]
    [InlineData("3kB", 3000)]
    [InlineData("8388607TiB", 8388607L << 40)]
    public void Sizes_are_parsed_and_printed_so_that_they_parse_again(string text, long bytes)
    {
        Assert.True(Units.TryParseSize(text, out long parsed));
        Assert.Equal(bytes, parsed);
        Assert.True(Units.TryParseSize(Units.FormatSize(bytes), out long again));
        Assert.Equal(bytes, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("1")]
    [InlineData("-1MiB")]
    [InlineData("1.5MiB")]
    [InlineData("8388608TiB")]
    [InlineData("99999999999999999999B")]
    [InlineData("1mib")]
    public void Sizes_that_are_none_are_refused(string text) => Assert.False(Units.TryParseSize(text, out _));

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("10s", 10_000)]
    [InlineData("15m", 900_000)]
    [InlineData("7d", 604_800_000)]
    public void Durations_are_parsed(string text, long milliseconds)
    {
        Assert.True(Units.TryParseDuration(text, out long parsed));
        Assert.Equal(milliseconds, parsed);
    }

    private static ConfigResult Parse(string json) => ConfigDocument.Parse(Encoding.UTF8.GetBytes(json));

    private static RecorderOptions Good(string json)
    {
        ConfigResult result = Parse(json);
        Assert.Empty(result.Errors);
        return result.Options!;
    }
}
