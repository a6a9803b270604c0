// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Capbox.Config;
using Capbox.Fleet;
using MQTTnet.Server;
using Xunit;

namespace Capbox.Tests;

/// <summary>The operator's connection over a line that stays open and carries nothing any more.</summary>
public sealed class FleetLinkTests : IAsyncLifetime
{
    private static readonly CancellationToken s_never = CancellationToken.None;
    private readonly int _port = EmbeddedBrokerTests.FreePort();
    private Line _line = null!;
    private MqttServer _broker = null!;

    public async ValueTask InitializeAsync()
    {
        MqttServerOptions options = new MqttServerOptionsBuilder().WithDefaultEndpoint().WithDefaultEndpointPort(_port).WithDefaultEndpointBoundIPAddress(IPAddress.Loopback).WithDefaultEndpointBoundIPV6Address(IPAddress.None).Build();
        _broker = new MqttServerFactory().CreateMqttServer(options);
        await _broker.StartAsync();
        _line = new Line(_port);
    }

    public async ValueTask DisposeAsync()
    {
        _line.Dispose();
        await _broker.StopAsync();
        _broker.Dispose();
    }

    /// <summary>Carries bytes between clients and a broker. While it is dead it takes them from both and passes nothing on: neither side hears a word of it.</summary>
    private sealed class Line : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();

        public Line(int broker)
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (!_stop.IsCancellationRequested)
                {
                    TcpClient near = await _listener.AcceptTcpClientAsync(_stop.Token), far = new();
                    await far.ConnectAsync(IPAddress.Loopback, broker, _stop.Token);
                    _ = Task.WhenAll(CarryAsync(near, far), CarryAsync(far, near));
                }
            });
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public bool IsDead { get; set; }

        public void Dispose()
        {
            _stop.Cancel();
            _listener.Dispose();
        }

        private async Task CarryAsync(TcpClient from, TcpClient to)
        {
            byte[] buffer = new byte[4096];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, _stop.Token) is > 0 and int length)
                {
                    if (!IsDead)
                        await to.GetStream().WriteAsync(buffer.AsMemory(0, length), _stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // One side is gone.
            }

            from.Dispose();
            to.Dispose();
        }
    }

    private FleetLink Link(TimeSpan keepAlive, TimeSpan? patience = null) =>
        new(new MqttOptions { Host = "127.0.0.1", Port = _line.Port, IsTls = false, DeviceId = "noc", KeepAlive = keepAlive }) { Patience = patience ?? TimeSpan.FromMinutes(1) };

    private static Task PublishAsync(FleetLink link, string topic) => link.PublishAsync(topic, "{}"u8.ToArray(), retain: true, null, null, s_never);

    private static async Task<string> HearAsync(FleetLink link)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return (await link.Heard.ReadAsync(patience.Token)).Topic;
    }

    [Fact]
    public async Task What_the_broker_does_not_answer_ends_and_after_that_it_is_as_before()
    {
        // Nobody but who asks notices: the keep-alive is far off.
        await using FleetLink link = Link(TimeSpan.FromHours(1), TimeSpan.FromSeconds(3));
        await link.ConnectAsync(s_never);
        await link.SubscribeAsync(["capbox/#"], isMuch: false, s_never);
        await PublishAsync(link, "capbox/first");
        Assert.Equal("capbox/first", await HearAsync(link));
        Assert.Null(link.Gone);

        _line.IsDead = true;
        var clock = Stopwatch.StartNew();
        Assert.Contains("the broker does not answer", (await Assert.ThrowsAsync<FleetLinkException>(() => PublishAsync(link, "capbox/second"))).Message);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"{clock.Elapsed}");
        Assert.Equal("the broker does not answer", link.Gone);
        // Who gives up is not told that the broker does not answer.
        using (var enough = new CancellationTokenSource(TimeSpan.FromMilliseconds(50)))
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => link.SubscribeAsync(["other/#"], isMuch: false, enough.Token));
        // A new connection over the dead line ends too.
        await Assert.ThrowsAsync<FleetLinkException>(() => link.ConnectAsync(s_never));
        Assert.NotNull(link.Gone);

        _line.IsDead = false;
        await link.ConnectAsync(s_never);
        Assert.Null(link.Gone);
        Assert.Equal("capbox/first", await HearAsync(link));
        await PublishAsync(link, "capbox/third");
        Assert.Equal("capbox/third", await HearAsync(link));
        Assert.Equal(2, link.Published);
    }

    [Fact]
    public async Task Who_only_listens_notices_by_the_keep_alive()
    {
        await using FleetLink link = Link(TimeSpan.FromSeconds(1));
        await link.ConnectAsync(s_never);
        _line.IsDead = true;
        Tool.WaitFor(() => link.Gone is not null, "the dead line to be noticed");
    }
}
