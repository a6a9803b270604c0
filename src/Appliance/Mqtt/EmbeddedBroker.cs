// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Text;
using Capbox.Config;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Capbox.Mqtt;

/// <summary>
/// A broker of the box's own, for a first run without another: on loopback, for few clients, without memory of them. Everybody on the
/// machine may connect and listen; who has the configured password may ask and configure
/// too. Nothing of it is there unless the document names it.
/// </summary>
internal sealed class EmbeddedBroker : IDisposable
{
    /// <summary>With the box itself.</summary>
    public const int MaxClients = 16;
    private const int MaxPendingMessages = 200;
    private const string MayAsk = "may-ask";
    private static readonly TimeSpan s_stopWait = TimeSpan.FromSeconds(2);

    private readonly MqttOptions _options;
    private readonly Topics _topics;
    private MqttServer? _server;
    private int _clients;

    public EmbeddedBroker(MqttOptions options)
    {
        if (!IPAddress.TryParse(options.Host, out IPAddress? address) || !IPAddress.IsLoopback(address))
            throw new ArgumentException($"{options.Host} is not loopback", nameof(options));
        (_options, _topics) = (options, new Topics(options.DeviceId));
    }

    /// <summary>By which it knows the box's own client.</summary>
    public string Secret { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    /// <exception cref="IOException">The port is taken, or the password cannot be read.</exception>
    public async Task EnsureStartedAsync()
    {
        if (_server is { IsStarted: true })
            return;
        _server?.Dispose();
        IPAddress address = IPAddress.Parse(_options.Host);
        bool isVersion6 = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        MqttServerOptions options = new MqttServerOptionsBuilder()
            .WithDefaultEndpoint().WithDefaultEndpointPort(_options.Port)
            .WithDefaultEndpointBoundIPAddress(isVersion6 ? IPAddress.None : address)
            .WithDefaultEndpointBoundIPV6Address(isVersion6 ? address : IPAddress.None)
            .WithPersistentSessions(false).WithMaxPendingMessagesPerClient(MaxPendingMessages).Build();
        _server = new MqttServerFactory().CreateMqttServer(options);
        _server.ValidatingConnectionAsync += Admit;
        _server.ClientConnectedAsync += _ => Count(1);
        _server.ClientDisconnectedAsync += _ => Count(-1);
        _server.InterceptingPublishAsync += Authorize;
        try
        {
            await _server.StartAsync();
        }
        catch (System.Net.Sockets.SocketException e)
        {
            // Who has the port is not ours to talk to.
            _server.Dispose();
            _server = null;
            throw new IOException($"the embedded broker: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        if (_server is null)
            return;
        _server.StopAsync(new MqttServerStopOptions()).Wait(s_stopWait);
        _server.Dispose();
        _server = null;
    }

    private Task Admit(ValidatingConnectionEventArgs e)
    {
        bool isBox = Same(e.Password, Secret);
        string? password = _options.PasswordFile is { } file ? Encoding.UTF8.GetString(MqttConnection.Password(file)) : null;
        bool mayAsk = isBox || (password is not null && e.UserName == _options.Username && Same(e.Password, password));
        if (e.ClientId == _options.DeviceId && !isBox)
            e.ReasonCode = MqttConnectReasonCode.ClientIdentifierNotValid;
        else if (!mayAsk && e.UserName is { Length: > 0 })
            e.ReasonCode = MqttConnectReasonCode.BadUserNameOrPassword;
        else if (!isBox && Volatile.Read(ref _clients) >= MaxClients)
            e.ReasonCode = MqttConnectReasonCode.ServerBusy;
        else
            e.SessionItems[MayAsk] = mayAsk;
        // A client without a name gets one (MQTT 5, 3.1.3.1); mosquitto_sub has none.
        if (string.IsNullOrEmpty(e.ClientId))
            e.AssignedClientIdentifier = Guid.NewGuid().ToString("N");
        return Task.CompletedTask;
    }

    private Task Authorize(InterceptingPublishEventArgs e)
    {
        if (MayPublish(e.ClientId == _options.DeviceId, e.SessionItems[MayAsk] is true, e.ApplicationMessage))
            return Task.CompletedTask;
        e.ProcessPublish = false;
        e.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
        return Task.CompletedTask;
    }

    /// <summary>Of what others leave here only one is kept: the configuration they want.</summary>
    private bool MayPublish(bool isBox, bool mayAsk, MqttApplicationMessage message) =>
        message.Payload.Length <= MqttConnection.MaxPacketBytes
        && (isBox || (mayAsk && (message.Topic == _topics.Desired || (!message.Retain && (message.Topic == _topics.ConfirmConfig || _topics.CommandOf(message.Topic) is not null)))));

    private Task Count(int change)
    {
        Interlocked.Add(ref _clients, change);
        return Task.CompletedTask;
    }

    private static bool Same(string? given, string expected) =>
        given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));
}
