// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>The link in this process: with the embedded broker, with one that takes little, and with what is no broker at all.</summary>
public sealed class EmbeddedBrokerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-link-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    internal static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static MqttOptions Options(string broker, string more = "") =>
        ConfigDocument.Parse(Encoding.UTF8.GetBytes($$"""{"serial":"box","ports":[],"mqtt":{"broker":"{{broker}}","telemetry":"1s"{{more}} } }""")) is { Mqtt: { } options, Errors.Count: 0 } ? options : throw new InvalidOperationException("a wrong section");

    private static MqttLink Link(MqttOptions options, EventJournal? events = null, IConfigurator? configurator = null, Func<string>? serial = null, MqttTraffic? traffic = null)
    {
        var commands = new CommandTable();
        commands.Add(new CommandSpec<string>("hello", "Says something.", [], MqttJson.Default.String), _ => "there");
        commands.Add(new CommandSpec<string>("long", "Says much.", [], MqttJson.Default.String), _ => new string('x', 20_000));
        return new MqttLink(options, new MqttBox(() => EventDetectorTests.Box(1), commands, configurator, serial ?? (() => "box"), traffic ?? new MqttTraffic(new BoxRun("boot", "run"))) { Events = events }, NullLogger.Instance);
    }

    /// <summary>A client with what it heard.</summary>
    private static async Task<(IMqttClient Client, List<(string Topic, string Payload)> Heard, MqttClientConnectResultCode Code)> ConnectAsync(int port, string? name = null, string? password = null, string? id = null, bool isVersion5 = true)
    {
        IMqttClient client = new MqttClientFactory().CreateMqttClient();
        List<(string, string)> heard = [];
        client.ApplicationMessageReceivedAsync += e =>
        {
            lock (heard)
                heard.Add((e.ApplicationMessage.Topic, Encoding.UTF8.GetString(e.ApplicationMessage.Payload)));
            return Task.CompletedTask;
        };
        MqttClientOptionsBuilder builder = new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithClientId(id ?? Guid.NewGuid().ToString("N")).WithProtocolVersion(isVersion5 ? MqttProtocolVersion.V500 : MqttProtocolVersion.V311);
        if (name is not null)
            builder = builder.WithCredentials(name, password);
        try
        {
            MqttClientConnectResult result = await client.ConnectAsync(builder.Build());
            if (result.ResultCode == MqttClientConnectResultCode.Success)
                await client.SubscribeAsync("capbox/#", MqttQualityOfServiceLevel.AtLeastOnce);
            return (client, heard, result.ResultCode);
        }
        catch (MQTTnet.Exceptions.MqttCommunicationException)
        {
            return (client, heard, MqttClientConnectResultCode.UnspecifiedError);
        }
    }

    private static void WaitHeard(List<(string Topic, string Payload)> heard, string topic, string part) => Tool.WaitFor(
        () =>
        {
            lock (heard)
                return heard.Any(m => m.Topic.EndsWith("/" + topic, StringComparison.Ordinal) && m.Payload.Contains(part, StringComparison.Ordinal));
        },
        $"{part} in {topic}", 60);

    private static MqttApplicationMessage Message(string suffix, string payload, bool retain = false) =>
        new MqttApplicationMessageBuilder().WithTopic($"capbox/v1/box/{suffix}").WithPayload(payload).WithRetainFlag(retain).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build();

    private string Secret(string text)
    {
        string path = Path.Combine(_directory, "password");
        File.WriteAllText(path, text + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    [Theory]
    [InlineData("embedded://0.0.0.0")]
    [InlineData("embedded://192.0.2.1")]
    [InlineData("embedded://[::]")]
    [InlineData("embedded://box.example:1883")]
    [InlineData("embedded://localhost")]
    public void It_is_for_this_machine_alone(string broker)
    {
        ConfigResult result = ConfigDocument.Parse(Encoding.UTF8.GetBytes($$"""{"ports":[],"mqtt":{"broker":"{{broker}}"} }"""));
        Assert.Contains(result.Errors, e => e.ToString().StartsWith("$.mqtt.broker: ", StringComparison.Ordinal) && e.ToString().Contains("for this machine alone", StringComparison.Ordinal));
        Assert.Throws<ArgumentException>(() => new EmbeddedBroker(new MqttOptions { Host = broker["embedded://".Length..], Port = 1883, IsTls = false, DeviceId = "box", IsEmbedded = true }));
    }

    [Fact]
    public async Task Without_a_password_everybody_may_listen_and_nobody_ask()
    {
        int port = FreePort();
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{port}"));
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Connected, "the connection");
        (IMqttClient client, List<(string, string)> heard, _) = await ConnectAsync(port);
        WaitHeard(heard, "state", "ready");
        WaitHeard(heard, "telemetry/system", "residentBytes");
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await client.PublishAsync(Message("cmd/hello", """{"requester":"noc"}"""), TestContext.Current.CancellationToken)).ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await client.PublishAsync(Message("config/desired", "{}", retain: true), TestContext.Current.CancellationToken)).ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await client.PublishAsync(Message("state", "{}", retain: true), TestContext.Current.CancellationToken)).ReasonCode);
        Assert.Equal(0, link.Snapshot.Counts.Received);
        // Nobody takes the box's name, and who has a name has its password.
        Assert.NotEqual(MqttClientConnectResultCode.Success, (await ConnectAsync(port, id: "box")).Code);
        Assert.NotEqual(MqttClientConnectResultCode.Success, (await ConnectAsync(port, "box", "guess")).Code);
        Assert.True(link.Snapshot.Connected);
        client.Dispose();
    }

    /// <summary>A serial number that changes while it records, where the broker knows the box by another name: no connection is made anew.</summary>
    [Fact]
    public async Task Another_serial_number_is_told_at_once()
    {
        int port = FreePort();
        string serial = "first";
        var taker = new MqttTests.Taker();
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{port}"), configurator: taker, serial: () => Volatile.Read(ref serial));
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Connected, "the connection");
        (IMqttClient client, List<(string Topic, string Payload)> heard, _) = await ConnectAsync(port);
        WaitHeard(heard, "info", "\"serial\":\"first\"");
        Volatile.Write(ref serial, "second");
        taker.Apply(new ConfigProposal(ConfigDocument.Parse("{}"u8.ToArray()), "cli:me") { Version = 5, Id = "five" });
        WaitHeard(heard, "info", "\"serial\":\"second\"");
        WaitHeard(heard, "config/reported", "\"version\":5");
        Assert.Equal(1, link.Snapshot.Counts.Connects);
        client.Dispose();
    }

    [Fact]
    public void What_went_over_one_connection_is_counted_on_over_the_next()
    {
        var traffic = new MqttTraffic(new BoxRun("boot", "run"));
        for (int i = 1; i <= 2; i++)
        {
            using MqttLink link = Link(Options($"embedded://127.0.0.1:{FreePort()}"), traffic: traffic);
            link.Start();
            int connects = i;
            Tool.WaitFor(() => link.Snapshot.Counts.Connects == connects, $"connection {i}");
            Assert.True(link.Snapshot.Counts.Published >= 3 * i);
        }
    }

    [Fact]
    public async Task Who_has_the_password_may_ask_also_without_properties()
    {
        int port = FreePort();
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{port}", $$""","username":"noc","passwordFile":"{{Secret("pass")}}" """));
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Connected, "the connection");
        Assert.NotEqual(MqttClientConnectResultCode.Success, (await ConnectAsync(port, "noc", "guess")).Code);
        foreach (bool isVersion5 in new[] { true, false })
        {
            (IMqttClient client, List<(string, string)> heard, _) = await ConnectAsync(port, "noc", "pass", isVersion5: isVersion5);
            await client.PublishAsync(Message("cmd/hello", $$"""{"requester":"noc-{{isVersion5}}","correlation":"a\"7"}"""), TestContext.Current.CancellationToken);
            WaitHeard(heard, $"reply/noc-{isVersion5}", """{"ok":true,"result":"there","correlation":"a\u00227"}""");
            await client.PublishAsync(Message("cmd/hello", $$"""{"requester":"x-{{isVersion5}}","requesters":1}"""), TestContext.Current.CancellationToken);
            WaitHeard(heard, $"reply/x-{isVersion5}", "unknown key");
            client.Dispose();
        }

        (IMqttClient other, List<(string, string)> replies, _) = await ConnectAsync(port, "noc", "pass");
        // Nothing is left here for later, and nothing in the box's name.
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await other.PublishAsync(Message("cmd/hello", """{"requester":"noc"}""", retain: true), TestContext.Current.CancellationToken)).ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await other.PublishAsync(Message("health", "{}"), TestContext.Current.CancellationToken)).ReasonCode);
        // One that is too long is answered, if it says where to.
        MqttApplicationMessage big = new MqttApplicationMessageBuilder().WithTopic("capbox/v1/box/cmd/hello").WithPayload(new string(' ', CommandTopics.MaxBytes + 5)).WithResponseTopic("capbox/v1/box/reply/big").WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build();
        await other.PublishAsync(big, TestContext.Current.CancellationToken);
        WaitHeard(replies, "reply/big", "longer than");
        Assert.Equal(1, link.Snapshot.Counts.Oversized);
        other.Dispose();
    }

    [Fact]
    public async Task Clients_are_few()
    {
        int port = FreePort();
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{port}"));
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Connected, "the connection");
        List<IMqttClient> clients = [];
        int refused = 0;
        for (int i = 0; i < EmbeddedBroker.MaxClients + 3; i++)
        {
            (IMqttClient client, _, MqttClientConnectResultCode code) = await ConnectAsync(port);
            clients.Add(client);
            refused += code == MqttClientConnectResultCode.Success ? 0 : 1;
        }

        Assert.InRange(refused, 1, 4);
        Assert.True(link.Snapshot.Connected);
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public void A_port_that_is_taken_is_said_and_nobody_there_is_talked_to()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}"));
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Fault?.Contains("the embedded broker", StringComparison.Ordinal) == true, "the fault");
        Assert.False(other.Pending());
    }

    [Fact]
    public async Task Events_wait_for_the_broker_and_come_in_order()
    {
        int port = FreePort();
        using var spool = new EventSpool(Path.Combine(_directory, "events"), new SpoolLimits());
        using var log = new EventJournal(new BoxRun("boot", "run"), () => EventDetectorTests.Box(1), spool, NullLogger.Instance);
        for (int i = 1; i <= 50; i++)
            log.Add(new BoxEvent(DateTimeOffset.UnixEpoch, EventSeverity.Warning, "clock-step", "clock", $"number {i}"));
        using MqttLink link = Link(Options($"embedded://127.0.0.1:{port}"), log);
        link.Start();
        Tool.WaitFor(() => link.Snapshot.Connected, "the connection");
        (IMqttClient client, List<(string Topic, string Payload)> heard, _) = await ConnectAsync(port);
        Tool.WaitFor(() => spool.Counts.Waiting == 0, "the backlog to be sent");
        log.Add(new BoxEvent(DateTimeOffset.UnixEpoch, EventSeverity.Info, "clock-state", "clock", "last"));
        WaitHeard(heard, "event/info/clock-state", "last");
        (string Topic, string Payload)[] all;
        lock (heard)
            all = [.. heard];
        ulong[] sequences = [.. all.Where(m => m.Topic.Contains("/event/", StringComparison.Ordinal)).Select(m => JsonDocument.Parse(m.Payload).RootElement.GetProperty("head").GetProperty("sequence").GetUInt64())];
        Assert.Equal(sequences.Order(), sequences);
        Assert.Equal(51ul, sequences[^1]);
        Tool.WaitFor(() => spool.Counts.Sent == 51, "the last to be acknowledged");
        client.Dispose();
    }

    /// <summary>FAKE: no broker, only the first byte of what is said to it.</summary>
    [Fact]
    public void Where_TLS_fails_nothing_is_said_in_the_clear()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        List<int> first = [];
        var hearing = new Thread(() =>
        {
            try
            {
                while (first.Count < 3)
                {
                    using Socket peer = listener.AcceptSocket();
                    byte[] bytes = new byte[1];
                    int count = peer.Receive(bytes);
                    lock (first)
                        first.Add(count == 1 ? bytes[0] : -1);
                    // What is no TLS comes back: a plaintext broker's CONNACK.
                    peer.Send([0x20, 0x02, 0x00, 0x00]);
                }
            }
            catch (SocketException)
            {
                // The test is over.
            }
        })
        { IsBackground = true };
        hearing.Start();
        using MqttLink link = Link(Options($"mqtts://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", ",\"version\":\"3.1.1\""));
        link.Start();
        Tool.WaitFor(() =>
        {
            lock (first)
                return first.Count == 3;
        }, "three tries", 90);
        // 0x16 begins a TLS handshake, 0x10 a CONNECT.
        Assert.Equal([0x16, 0x16, 0x16], first);
        Tool.WaitFor(() => link.Snapshot is { Connected: false, Fault: not null }, "the fault");
    }

    [Fact]
    public void A_broker_that_takes_little_gets_no_more()
    {
        var limits = new MqttClientConnectResult();
        typeof(MqttClientConnectResult).GetProperty(nameof(limits.MaximumPacketSize))!.SetValue(limits, 1000u);
        using var client = new MqttClientFactory().CreateMqttClient();
        using var publisher = new BrokerPublisher(client, limits, isVersion5: true, TimeSpan.FromSeconds(1));
        Assert.True(publisher.Fits(new Outgoing("topic", new byte[700])));
        Assert.False(publisher.Fits(new Outgoing("topic", new byte[740])));
    }

    [Theory]
    [InlineData(0, 0.0, 500)]
    [InlineData(0, 0.5, 1_000)]
    [InlineData(0, 1.0, 1_500)]
    [InlineData(3, 0.5, 8_000)]
    [InlineData(5, 0.5, 32_000)]
    [InlineData(6, 0.5, 60_000)]
    [InlineData(6, 1.0, 90_000)]
    [InlineData(int.MaxValue, 0.0, 30_000)]
    public void Waits_double_up_to_a_minute(int failures, double random, int expectedMs) => Assert.Equal(expectedMs, Backoff.Wait(failures, random).TotalMilliseconds);

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{\"requester\":7}")]
    [InlineData("{\"requester\":\"\\ud800\"}")]
    public void A_request_that_names_nobody_has_no_envelope(string payload) => Assert.Null(RequestEnvelope.Open(Encoding.UTF8.GetBytes(payload)));
}
