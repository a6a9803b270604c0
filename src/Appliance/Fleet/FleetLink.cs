// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Globalization;
using System.Threading.Channels;
using Capbox.Config;
using Capbox.Mqtt;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace Capbox.Fleet;

/// <summary>A message that came.</summary>
/// <param name="IsRetained">The broker had kept it: it comes with a subscription.</param>
internal sealed record FleetMessage(string Topic, byte[] Payload, bool IsRetained, byte[]? Correlation);

/// <summary>The broker cannot be used; one line.</summary>
internal sealed class FleetLinkException(string message) : Exception(message);

/// <summary>
/// The operator's connection to a broker, by the same rules as a box's (<see cref="MqttConnection"/>). What comes waits in a bounded queue;
/// while that is full, nothing is taken from the connection.
/// </summary>
/// <param name="options">Where and as whom; <see cref="MqttOptions.DeviceId"/> is the requester.</param>
internal sealed class FleetLink(MqttOptions options) : IAsyncDisposable
{
    private const int MaxQueued = 1024;

    private readonly string _clientId = string.Create(CultureInfo.InvariantCulture, $"capbox-fleet-{options.DeviceId}-{Guid.NewGuid():N}");
    private readonly Channel<FleetMessage> _heard = Channel.CreateBounded<FleetMessage>(new BoundedChannelOptions(MaxQueued) { SingleReader = true });
    private readonly Dictionary<string, MqttQualityOfServiceLevel> _topics = [];
    private long _published;
    private IMqttClient? _client;
    private volatile string? _gone;

    /// <summary>How long the broker has to answer.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Whose answers these are, in topics and in the boxes' history.</summary>
    public string Requester => options.DeviceId;

    /// <summary>Why there is no connection any more; null: there is.</summary>
    public string? Gone => _gone ?? (_client is { IsConnected: true } ? null : "not connected");

    public ChannelReader<FleetMessage> Heard => _heard.Reader;

    public long Published => Interlocked.Read(ref _published);

    /// <summary>Connects, and again after it was lost: with what was subscribed before.</summary>
    /// <exception cref="FleetLinkException">Not possible.</exception>
    public async Task ConnectAsync(CancellationToken end)
    {
        string? certificate = null;
        _client?.Dispose();
        IMqttClient client = _client = TcpClientAdapters.NewClient();
        client.ApplicationMessageReceivedAsync += TakeAsync;
        client.DisconnectedAsync += e =>
        {
            if (ReferenceEquals(client, _client))
                _gone = e.Exception?.Message ?? e.ReasonString ?? e.Reason.ToString();
            return Task.CompletedTask;
        };
        try
        {
            MqttClientConnectResult result = await client.ConnectAsync(MqttConnection.BuildVisitor(options, _clientId, problem => certificate = problem), end);
            if (result.ResultCode != MqttClientConnectResultCode.Success)
                throw new FleetLinkException($"the broker refuses {options.DeviceId}: {result.ResultCode} {result.ReasonString}".TrimEnd());
        }
        catch (Exception e) when (e is not (OperationCanceledException or FleetLinkException) || (e is OperationCanceledException && !end.IsCancellationRequested))
        {
            throw new FleetLinkException($"{options.Host}:{options.Port}: {certificate ?? MqttConnection.Reason(e, options.IsTls)}");
        }

        _gone = null;
        if (_topics.Count > 0)
            await AskForAsync(client, _topics.Keys, end);
    }

    /// <summary>What is retained there comes, also of topics that were subscribed before.</summary>
    /// <param name="topics">Filters.</param>
    /// <param name="isMuch">Thousands of messages may come at once: a broker queues only so many for a client and drops the rest, but for
    /// QoS 0, which it writes as fast as the connection takes it.</param>
    /// <param name="end">Given up.</param>
    /// <exception cref="FleetLinkException">The broker does not let this program listen there.</exception>
    public async Task SubscribeAsync(IReadOnlyCollection<string> topics, bool isMuch, CancellationToken end)
    {
        foreach (string topic in topics)
            _topics[topic] = isMuch ? MqttQualityOfServiceLevel.AtMostOnce : MqttQualityOfServiceLevel.AtLeastOnce;
        await AskForAsync(_client!, topics, end);
    }

    /// <exception cref="FleetLinkException">The connection is gone.</exception>
    public async Task UnsubscribeAsync(IReadOnlyCollection<string> topics, CancellationToken end)
    {
        var unsubscribe = new MqttClientUnsubscribeOptionsBuilder();
        foreach (string topic in topics)
        {
            _topics.Remove(topic);
            unsubscribe.WithTopicFilter(topic);
        }

        await GuardedAsync(token => _client!.UnsubscribeAsync(unsubscribe.Build(), token), "unsubscribe", end);
    }

    /// <summary>Publishes and waits for the broker's word that it has it.</summary>
    /// <param name="topic">Where.</param>
    /// <param name="payload">JSON; empty takes a retained message away.</param>
    /// <param name="retain">The broker keeps it.</param>
    /// <param name="responseTopic">Of a request.</param>
    /// <param name="correlation">The same.</param>
    /// <param name="end">Not waited for any longer.</param>
    /// <exception cref="FleetLinkException">It has not.</exception>
    public async Task PublishAsync(string topic, byte[] payload, bool retain, string? responseTopic, byte[]? correlation, CancellationToken end)
    {
        MqttApplicationMessageBuilder message = new MqttApplicationMessageBuilder()
            .WithTopic(topic).WithPayload(payload).WithRetainFlag(retain).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithContentType("application/json").WithUserProperty("requester", System.Text.Encoding.UTF8.GetBytes(Requester));
        if (responseTopic is not null)
            message = message.WithResponseTopic(responseTopic).WithCorrelationData(correlation);
        MqttClientPublishResult result = await GuardedAsync(token => _client!.PublishAsync(message.Build(), token), topic, end);
        if (!result.IsSuccess && result.ReasonCode != MqttClientPublishReasonCode.NoMatchingSubscribers)
            throw new FleetLinkException($"the broker does not take {topic} from {Requester}: {result.ReasonCode}");
        Interlocked.Increment(ref _published);
    }

    public async ValueTask DisposeAsync()
    {
        _heard.Writer.TryComplete();
        if (_client is not { } client)
            return;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            if (client.IsConnected)
                await client.DisconnectAsync(new MqttClientDisconnectOptions(), patience.Token);
        }
        catch (Exception)
        {
            // It ends either way.
        }

        client.Dispose();
    }

    private async Task AskForAsync(IMqttClient client, IReadOnlyCollection<string> topics, CancellationToken end)
    {
        var subscribe = new MqttClientSubscribeOptionsBuilder();
        foreach (string topic in topics)
            subscribe.WithTopicFilter(topic, _topics[topic]);
        MqttClientSubscribeResult result = await GuardedAsync(token => client.SubscribeAsync(subscribe.Build(), token), "subscribe", end);
        if (result.Items.FirstOrDefault(i => (int)i.ResultCode >= 0x80) is { } refused)
            throw new FleetLinkException($"the broker does not let {Requester} listen to {refused.TopicFilter.Topic}: {refused.ResultCode}");
    }

    private async Task<T> GuardedAsync<T>(Func<CancellationToken, Task<T>> ask, string what, CancellationToken end)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(end);
        patience.CancelAfter(Patience);
        try
        {
            return await ask(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or MqttCommunicationTimedOutException && end.IsCancellationRequested)
        {
            throw new OperationCanceledException(end);
        }
        catch (Exception e) when (e is OperationCanceledException or MqttCommunicationTimedOutException)
        {
            // A connection that says nothing is as good as none, whether TCP knows or not.
            _gone = "the broker does not answer";
            throw new FleetLinkException($"{what}: {_gone}");
        }
        catch (Exception e) when (!end.IsCancellationRequested)
        {
            throw new FleetLinkException($"{what}: {MqttConnection.Reason(e, options.IsTls)}");
        }
    }

    private async Task TakeAsync(MqttApplicationMessageReceivedEventArgs e)
    {
        MqttApplicationMessage message = e.ApplicationMessage;
        try
        {
            await _heard.Writer.WriteAsync(new FleetMessage(message.Topic, message.Payload.ToArray(), message.Retain, message.CorrelationData));
        }
        catch (ChannelClosedException)
        {
            // The program ends.
        }
    }
}
