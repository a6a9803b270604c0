// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Mqtt;
using Capbox.Platform.Linux;
using Xunit;

namespace Capbox.Tests;

/// <summary>identify and reboot, with nothing of the machine but files of the test's own.</summary>
public sealed class BoxCommandTests : IDisposable
{
    private readonly FakeLeds _fake = new();

    public void Dispose() => _fake.Dispose();

    /// <summary>FAKE: a directory that looks like /sys/class/leds. Its files keep what was written; the kernel would show a trigger among all others, in brackets.</summary>
    private sealed class FakeLeds : IDisposable
    {
        public string Root { get; } = Directory.CreateTempSubdirectory("capbox-leds-").FullName;

        public void Add(string name, int brightness, int max, string? triggers)
        {
            string path = Path.Combine(Root, name);
            Directory.CreateDirectory(path);
            File.WriteAllText(Path.Combine(path, "brightness"), $"{brightness}\n");
            File.WriteAllText(Path.Combine(path, "max_brightness"), $"{max}\n");
            if (triggers is not null)
                File.WriteAllText(Path.Combine(path, "trigger"), triggers + "\n");
        }

        public string Read(string name, string file) => File.ReadAllText(Path.Combine(Root, name, file)).Trim();

        public void Dispose() => Directory.Delete(Root, recursive: true);
    }

    [Fact]
    public void Leds_blink_and_are_left_as_they_were()
    {
        _fake.Add("unit:blue:identify", 3, 255, "none [heartbeat] timer");
        _fake.Add("unit:green:power", 1, 1, null);
        using var leds = new Leds(_fake.Root);
        Assert.Equal(["unit:blue:identify"], leds.Blink(null, 60));
        Assert.Equal("none", _fake.Read("unit:blue:identify", "trigger"));
        HashSet<string> seen = [];
        Tool.WaitFor(
            () =>
            {
                seen.Add(_fake.Read("unit:blue:identify", "brightness"));
                return seen.IsSupersetOf(["0", "255"]);
            },
            "it to be lit and dark");
        leds.Blink(null, 0);
        Assert.Equal(("heartbeat", "3"), (_fake.Read("unit:blue:identify", "trigger"), _fake.Read("unit:blue:identify", "brightness")));
        Assert.Equal("1", _fake.Read("unit:green:power", "brightness"));
        // By itself after its time, and at the end of the process.
        _fake.Add("unit:blue:identify", 3, 255, "none [heartbeat] timer");
        leds.Blink("unit:green:power", 1);
        leds.Blink("unit:blue:identify", 1);
        Tool.WaitFor(() => _fake.Read("unit:blue:identify", "trigger") == "heartbeat", "the end of it");
        _fake.Add("unit:blue:identify", 3, 255, "[none] heartbeat timer");
        leds.Blink(null, 60);
        leds.Dispose();
        Assert.Equal(("none", "3"), (_fake.Read("unit:blue:identify", "trigger"), _fake.Read("unit:blue:identify", "brightness")));
    }

    [Fact]
    public void Without_leds_it_says_so()
    {
        using var none = new Leds(Path.Combine(_fake.Root, "nowhere"));
        Assert.Contains("this machine has no LED", Assert.Throws<IOException>(() => none.Blink(null, 5)).Message);
        _fake.Add("a:b:c", 0, 1, null);
        using var leds = new Leds(_fake.Root);
        Assert.Contains("there is no LED \"../x\"; there are a:b:c", Assert.Throws<IOException>(() => leds.Blink("../x", 5)).Message);
        File.Delete(Path.Combine(_fake.Root, "a:b:c", "brightness"));
        Assert.Contains("cannot be switched", Assert.Throws<IOException>(() => leds.Blink(null, 5)).Message);
    }

    [Theory]
    [InlineData("a:b:disk,unit:blue:identify,x:green:status", "unit:blue:identify,x:green:status")]
    [InlineData("input0::capslock,mmc0::", "input0::capslock,mmc0::")]
    [InlineData("unit:blue:uid-1,unit:red:fault", "unit:blue:uid-1")]
    public void Those_that_are_meant_to_be_looked_at_blink_else_all(string names, string chosen) => Assert.Equal(chosen.Split(','), Leds.Chosen(names.Split(',')));

    [Fact]
    public void A_reboot_needs_the_token_of_the_same_requester_in_time_and_only_once()
    {
        var time = new SteppedTime();
        int reboots = 0;
        string? refusal = null;
        var desk = new RebootConfirmation(() => refusal, () => reboots++, time);
        string Token(string who = "mqtt:noc") => desk.Ask(who, null).Token!;
        void Fails(string who, string token) => Assert.Contains("$.token", Assert.Throws<RequestRefusedException>(() => desk.Ask(who, token)).Message);

        Fails("mqtt:noc", "");
        Fails("mqtt:noc", "0123456789abcdef0123456789abcdef");
        string token = Token();
        Fails("mqtt:other", token);
        Fails("mqtt:noc", token); // the wrong one took it away
        token = Token();
        time.Seconds += RebootConfirmation.TokenSeconds;
        Fails("mqtt:noc", token);
        token = Token();
        Assert.NotEqual(token, Token());
        Fails("mqtt:noc", token); // a newer one was given
        token = Token();
        refusal = "no";
        Assert.Equal("no", Assert.Throws<RequestRefusedException>(() => desk.Ask("mqtt:noc", token)).Message);
        Assert.Throws<RequestRefusedException>(() => desk.Ask("mqtt:noc", null));
        refusal = null;
        Assert.Equal(0, reboots);
        time.Seconds += RebootConfirmation.TokenSeconds - 1;
        Assert.Equal(new RebootAnswer(true, null, null), desk.Ask("mqtt:noc", token));
        Assert.Equal(1, reboots);
        Fails("mqtt:noc", token);
        Assert.Equal(1, reboots);
    }

    [Fact]
    public void Ten_thousand_hostile_requests_reboot_nothing()
    {
        int reboots = 0;
        var commands = new CommandTable();
        using var leds = new Leds(_fake.Root);
        BoxCommands.AddTo(commands, () => throw new InvalidOperationException("not asked"), _fake.Root, leds, new RebootConfirmation(() => null, () => reboots++, TimeProvider.System), () => throw new InvalidOperationException("not asked"));
        var desk = new CommandTopics(commands);
        var random = new Random(11);
        int tokens = 0, refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            string who = $"who-{random.Next(4)}";
            string answer = Encoding.UTF8.GetString(desk.Answer("reboot", Encoding.UTF8.GetBytes(HostileMembers.Make(random, "token")), who, random.Next(2) == 0 ? [(byte)i] : null, out _));
            using JsonDocument document = JsonDocument.Parse(answer);
            _ = document.RootElement.GetProperty("ok").GetBoolean() ? tokens++ : refused++;
        }

        Assert.Equal(0, reboots);
        Assert.True(tokens > 0 && refused > 1000, $"{tokens} tokens, {refused} refused");
    }
}
