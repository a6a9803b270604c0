// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using MQTTnet;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Microsoft.Extensions.Logging;

namespace Capbox.Mqtt;

/// <summary>What the connection shows and serves.</summary>
/// <param name="Snapshot">All counters now.</param>
/// <param name="Commands">What may be asked.</param>
/// <param name="Configurator">Null: the configuration is a file.</param>
/// <param name="Serial">Of the box, as it is now.</param>
/// <param name="Traffic">Counts and sequences, over all connections of this run.</param>
internal sealed record MqttBox(
    Func<BoxSnapshot> Snapshot, CommandTable Commands, IConfigurator? Configurator, Func<string> Serial, MqttTraffic Traffic)
{
    /// <summary>What happened, and waits to be told; null: nothing is kept.</summary>
    public EventJournal? Events { get; init; }
}

/// <summary>
/// The connection to the broker: made, kept, made again after ever longer waits; what is retained is published anew at each connect.
/// Messages that come are copied into a bounded queue, and one task serves them in
/// order. Nothing here touches the recording: it reads counters and calls what control calls.
/// </summary>
internal sealed class MqttLink : IDisposable
{
    /// <summary>Messages that wait to be served, and their bytes: a few documents, not as many as there is room for requests.</summary>
    private const int MaxQueued = 64, MaxQueuedBytes = 4 * MqttConnection.MaxPacketBytes;
    private static readonly TimeSpan s_stopWait = TimeSpan.FromSeconds(5), s_lastWords = TimeSpan.FromSeconds(1);

    private readonly MqttOptions _options;
    private readonly MqttBox _box;
    private readonly ILogger _logger;
    private readonly Topics _topics;
    private readonly ConfigTopics _config;
    private readonly CommandTopics _commands;
    private readonly EmbeddedBroker? _broker;
    private readonly TimeSpan _patience; // for an acknowledgement
    private readonly HealthEvaluator _health = new();
    private readonly Channel<Inbound> _inbound = Channel.CreateBounded<Inbound>(new BoundedChannelOptions(MaxQueued) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _counting = new();
    private Task _running = Task.CompletedTask;
    private readonly Dictionary<string, string> _refusals = []; // by topic, under _counting
    private volatile BrokerPublisher? _publisher;
    private volatile string? _fault, _certificate;
    private string _lastHealth = "", _lastSerial = "";
    private long? _awaySince;
    private int _queuedBytes;

    private sealed record Inbound(string Topic, byte[] Payload, bool Retained, string? ResponseTopic, string? Requester, byte[]? Correlation);

    public MqttLink(MqttOptions options, MqttBox box, ILogger logger)
    {
        (_options, _box, _logger) = (options, box, logger);
        _topics = new Topics(options.DeviceId);
        _config = new ConfigTopics(box.Configurator);
        _commands = new CommandTopics(box.Commands);
        _broker = options.IsEmbedded ? new EmbeddedBroker(options) : null;
        _patience = TimeSpan.FromSeconds(Math.Clamp(options.KeepAlive.TotalSeconds / 2, 1, 15));
    }

    public MqttSnapshot Snapshot
    {
        get
        {
            lock (_counting)
                return new MqttSnapshot($"{_options.Host}:{_options.Port}", _publisher is not null, _fault ?? _refusals.Values.FirstOrDefault(), _box.Traffic.Counts with { Events = _box.Events?.Spool.Counts });
        }
    }

    public void Start()
    {
        if (!_options.IsTls)
            _logger.LogWarning("mqtt: the connection to {Host} is in the clear", _options.Host);
        if (_box.Configurator is { } configurator)
            configurator.Changed += SignalChange;
        _running = Task.WhenAll(Task.Run(KeepConnectedAsync), Task.Run(ServeAsync));
    }

    /// <summary>Says good-bye, and waits some seconds at most for the broker to hear it.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        if (_box.Configurator is { } configurator)
            configurator.Changed -= SignalChange;
        _stop.Cancel();
        _inbound.Writer.TryComplete();
        _running.Wait(s_stopWait);
        _broker?.Dispose();
    }

    private void SignalChange() => _changed.Writer.TryWrite(true);

    private async Task KeepConnectedAsync()
    {
        int failures = 0;
        while (!_stop.IsCancellationRequested)
        {
            long began = Stopwatch.GetTimestamp();
            try
            {
                string reason = await ConnectOnceAsync();
                ReportGone($"the connection to {_options.Host}:{_options.Port} is gone: {reason}");
            }
            catch (Exception e)
            {
                // Whatever the network, TLS or the broker do: it is tried again.
                ReportGone($"{_options.Host}:{_options.Port}: {_certificate ?? MqttConnection.Reason(e, _options.IsTls)}");
            }

            if (Stopwatch.GetElapsedTime(began) > Backoff.GoodAfter)
                failures = 0;
            await Task.Delay(Backoff.Wait(failures++, Random.Shared.NextDouble()), _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>One connection from its birth to its end; returns why it ended.</summary>
    private async Task<string> ConnectOnceAsync()
    {
        string session = Guid.NewGuid().ToString("N");
        _certificate = null;
        if (_broker is not null)
            await _broker.EnsureStartedAsync();
        using IMqttClient client = TcpClientAdapters.NewClient();
        var gone = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.DisconnectedAsync += e =>
        {
            gone.TrySetResult(e.Exception is { } problem ? MqttConnection.Reason(problem, _options.IsTls) : e.ReasonString ?? e.Reason.ToString());
            return Task.CompletedTask;
        };
        client.ApplicationMessageReceivedAsync += Receive;
        MqttClientConnectResult result = await client.ConnectAsync(MqttConnection.Build(_options, _topics, session, _broker?.Secret, problem => _certificate = problem), _stop.Token);
        if (result.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"the broker refuses this box: {result.ResultCode} {result.ReasonString}".TrimEnd());
        lock (_counting)
            _refusals.Clear();
        using var publisher = new BrokerPublisher(client, result, _options.IsVersion5, _patience);
        await PublishStateAsync(publisher, "init", session);
        await SubscribeAsync(client);
        await PublishInfoAsync(publisher, session);
        await PublishReportedAsync(publisher);
        _lastHealth = "";
        _publisher = publisher;
        await PublishHealthAsync(publisher, _box.Snapshot());
        await PublishStateAsync(publisher, "ready", session);
        ReportConnected();
        string reason = await RunConnectionAsync(publisher, session, gone.Task);
        if (_stop.IsCancellationRequested && client.IsConnected)
        {
            if (_box.Events is { } events)
                await EventSender.FlushAsync(events.Spool, (suffix, json) => PublishAsync(publisher, suffix, json, retain: false), s_lastWords);
            await PublishStateAsync(publisher, "disconnected", session);
            await client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
        }

        return reason;
    }

    /// <summary>What is live and, beside it, the events that wait, until the connection is gone or the box stops.</summary>
    private async Task<string> RunConnectionAsync(BrokerPublisher publisher, string session, Task<string> gone)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task events = _box.Events is { } log
            ? EventSender.RunAsync(log.Spool, (suffix, json) => PublishAsync(publisher, suffix, json, retain: false), over.Token)
            : Task.Delay(Timeout.Infinite, over.Token);
        try
        {
            return await PublishUntilGoneAsync(publisher, session, gone, events);
        }
        finally
        {
            await over.CancelAsync();
            await events.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Telemetry in time, the configuration when it changes.</summary>
    private async Task<string> PublishUntilGoneAsync(BrokerPublisher publisher, string session, Task<string> gone, Task events)
    {
        Task tick = Task.Delay(TimeSpan.FromSeconds(1), _stop.Token);
        Task<bool> changed = _changed.Reader.WaitToReadAsync(_stop.Token).AsTask();
        while (true)
        {
            Task first = await Task.WhenAny(gone, tick, changed, events);
            if (first == gone)
                return await gone;
            if (_stop.IsCancellationRequested)
                return "the box stops";
            if (first == events)
                await events; // an acknowledgement that did not come
            if (first == changed)
            {
                _changed.Reader.TryRead(out _);
                if (_box.Serial() != _lastSerial)
                    await PublishInfoAsync(publisher, session);
                await PublishReportedAsync(publisher);
                changed = _changed.Reader.WaitToReadAsync(_stop.Token).AsTask();
                continue;
            }

            tick = Task.Delay(_options.Telemetry, _stop.Token);
            BoxSnapshot now = _box.Snapshot();
            foreach ((string suffix, byte[] payload) in _box.Traffic.Telemetry.Make(now, Snapshot.Counts))
            {
                // The last one is acknowledged: what is sent into a connection that is half open looks like success, and keeps the client
                // from asking whether anybody is there.
                await PublishAsync(publisher, suffix, payload, retain: false, isAcknowledged: suffix == "telemetry/system");
            }

            await PublishHealthAsync(publisher, now);
            await RetryRefusedAsync(publisher, session);
        }
    }

    /// <summary>
    /// What is said once in a connection and was refused: the right may have been given since, and nothing else would tell.
    /// </summary>
    private async Task RetryRefusedAsync(BrokerPublisher publisher, string session)
    {
        if (IsRefused("info"))
            await PublishInfoAsync(publisher, session);
        if (IsRefused("config/reported"))
            await PublishReportedAsync(publisher);
        if (IsRefused("state"))
            await PublishStateAsync(publisher, "ready", session);
    }

    private bool IsRefused(string suffix)
    {
        lock (_counting)
            return _refusals.ContainsKey(_topics.Topic(suffix));
    }

    private async Task SubscribeAsync(IMqttClient client)
    {
        string[] topics = [_topics.Desired, _topics.ConfirmConfig, _topics.Commands];
        foreach (string topic in topics)
        {
            var options = new MqttClientSubscribeOptionsBuilder().WithTopicFilter(topic, MqttQualityOfServiceLevel.AtLeastOnce).Build();
            MqttClientSubscribeResult result = await client.SubscribeAsync(options, _stop.Token);
            if (result.Items.Any(i => (int)i.ResultCode >= 0x80))
                Refuse(topic, $"the broker does not let this box listen to {topic}");
        }
    }

    private Task PublishStateAsync(BrokerPublisher publisher, string state, string session) =>
        PublishAsync(publisher, "state", JsonSerializer.SerializeToUtf8Bytes(new StateMessage(state, session), MqttJson.Default.StateMessage), retain: true);

    private Task PublishInfoAsync(BrokerPublisher publisher, string session) =>
        PublishAsync(publisher, "info", JsonSerializer.SerializeToUtf8Bytes(Info(session), MqttJson.Default.InfoMessage), retain: true);

    private async Task PublishReportedAsync(BrokerPublisher publisher)
    {
        if (_config.Reported() is { } reported)
            await PublishAsync(publisher, "config/reported", JsonSerializer.SerializeToUtf8Bytes(reported, MqttJson.Default.ReportedMessage), retain: true);
    }

    private async Task PublishHealthAsync(BrokerPublisher publisher, BoxSnapshot now)
    {
        bool isOpen = !_options.IsTls && !_options.IsEmbedded && _options.Host is not ("localhost" or "127.0.0.1" or "::1");
        string? refused;
        lock (_counting)
            refused = _refusals.Values.FirstOrDefault();
        string? control = refused ?? _box.Events?.Spool.Fault ?? (isOpen ? $"the connection to {_options.Host} is in the clear" : null);
        IEnumerable<ComponentState> states = control is null ? [] : [new ComponentState("mqtt", "control", HealthLevel.Warning, control)];
        HealthMessage health = _health.Evaluate(now, states.Concat(ConfigEvents.States(_box.Configurator?.Report)));
        string text = JsonSerializer.Serialize(health, MqttJson.Default.HealthMessage);
        if (text == _lastHealth)
            return;
        // What was refused is said again: its own refusal is a part of the next one, and would stay.
        if (await PublishAsync(publisher, "health", System.Text.Encoding.UTF8.GetBytes(text), retain: true))
            _lastHealth = text;
    }

    private Task<bool> PublishAsync(BrokerPublisher publisher, string suffix, byte[] payload, bool retain, bool isAcknowledged = true) =>
        PublishAsync(publisher, new Outgoing(_topics.Topic(suffix), payload) { Retain = retain, IsAcknowledged = isAcknowledged });

    /// <returns>False: the broker does not take it.</returns>
    private async Task<bool> PublishAsync(BrokerPublisher publisher, Outgoing message)
    {
        string? problem = await publisher.PublishAsync(message);
        Count(c => problem is null ? c with { Published = c.Published + 1 } : c with { PublishFailures = c.PublishFailures + 1, Oversized = c.Oversized + (publisher.Fits(message) ? 0 : 1) });
        Refuse(message.Topic, problem is null ? null : $"the broker does not take {message.Topic}: {problem}");
        return problem is null;
    }

    /// <summary>
    /// A message came: copied and queued; what has no room is refused by not being taken. Of a request that is too long only that is kept.
    /// </summary>
    private Task Receive(MqttApplicationMessageReceivedEventArgs e)
    {
        MqttApplicationMessage message = e.ApplicationMessage;
        bool isTooLong = message.Payload.Length > CommandTopics.MaxBytes && message.Topic != _topics.Desired;
        Count(c => c with { Received = c.Received + 1, Oversized = c.Oversized + (isTooLong ? 1 : 0) });
        string? requester = message.UserProperties?.FirstOrDefault(p => p.Name == "requester") is { } named ? named.ReadValueAsString() : null;
        byte[] payload = isTooLong ? CommandTopics.TooLong : message.Payload.ToArray();
        var inbound = new Inbound(message.Topic, payload, message.Retain, message.ResponseTopic, requester, message.CorrelationData);
        if (Interlocked.Add(ref _queuedBytes, payload.Length) <= MaxQueuedBytes && _inbound.Writer.TryWrite(inbound))
            return Task.CompletedTask;
        Interlocked.Add(ref _queuedBytes, -payload.Length);
        Count(c => c with { Refused = c.Refused + 1 });
        return Task.CompletedTask;
    }

    private async Task ServeAsync()
    {
        await foreach (Inbound message in _inbound.Reader.ReadAllAsync())
        {
            Interlocked.Add(ref _queuedBytes, -message.Payload.Length);
            try
            {
                await ServeOneAsync(message);
            }
            catch (Exception e)
            {
                // A message never ends the service.
                _logger.LogWarning("mqtt: {Topic}: {Reason}", message.Topic, MqttConnection.Reason(e, _options.IsTls));
            }
        }
    }

    private async Task ServeOneAsync(Inbound message)
    {
        string who = "mqtt:" + (message.Requester is { } r && TopicLevel.IsValid(r) ? r : "unnamed");
        if (message.Topic == _topics.Desired)
        {
            ConfigReport? answer = _config.Desired(message.Payload, message.Retained, who);
            if (answer is null)
                return;
            Count(c => c with { Refused = c.Refused + 1 });
            if (_publisher is { } publisher)
                await PublishAsync(publisher, "config/reported", JsonSerializer.SerializeToUtf8Bytes(ReportedMessage.From(answer), MqttJson.Default.ReportedMessage), retain: true);
            _box.Events?.Add(ConfigEvents.Rejected(answer));
        }
        else if (message.Retained)
        {
            // Nobody waits for the answer of a command that lies there since who knows when.
            Count(c => c with { RetainedIgnored = c.RetainedIgnored + 1 });
        }
        else if (message.Topic == _topics.ConfirmConfig)
        {
            try
            {
                _config.Confirm(message.Payload, who);
            }
            catch (RequestRefusedException e)
            {
                Count(c => c with { Malformed = c.Malformed + 1 });
                _logger.LogWarning("mqtt: config/confirm by {Who}: {Reason}", who, e.Message);
            }
        }
        else if (_topics.CommandOf(message.Topic) is { } name)
        {
            await AnswerAsync(name, message);
        }
        else
        {
            Count(c => c with { Malformed = c.Malformed + 1 });
        }
    }

    private async Task AnswerAsync(string name, Inbound message)
    {
        string? reply = _topics.Reply(message.ResponseTopic, message.Requester);
        RequestEnvelope? envelope = reply is null ? RequestEnvelope.Open(message.Payload) : null;
        reply ??= _topics.Reply(null, envelope?.Requester);
        if (reply is null)
        {
            // Who cannot be answered is not served: what was done could not be told.
            Count(c => c with { Malformed = c.Malformed + 1 });
            return;
        }

        byte[]? correlation = envelope?.Correlation is { } text ? System.Text.Encoding.UTF8.GetBytes(text) : message.Correlation;
        string requester = message.Requester is { } r && TopicLevel.IsValid(r) ? r : envelope?.Requester ?? _topics.RequesterOf(reply);
        byte[] answer = _commands.Answer(name, envelope?.Rest ?? message.Payload, requester, correlation, out bool isDuplicate);
        Count(c => isDuplicate ? c with { Duplicates = c.Duplicates + 1 } : c with { Commands = c.Commands + 1 });
        if (_publisher is not { } publisher)
            return;
        var outgoing = new Outgoing(reply, envelope?.Close(answer) ?? answer) { Correlation = message.Correlation };
        if (!publisher.Fits(outgoing))
            outgoing = outgoing with { Payload = CommandTopics.Error($"the answer is {answer.Length} bytes, more than the broker takes") };
        await PublishAsync(publisher, outgoing);
    }

    private InfoMessage Info(string session) => new(
        "capbox", _lastSerial = _box.Serial(), _options.DeviceId, Packets.Pcapng.SegmentHeader.Application, Environment.OSVersion.VersionString, _box.Traffic.Run.BootId, _box.Traffic.Run.Run, session, _box.Configurator is not null, Config.ConfigSchema.Hash, [.. _commands.Names]);

    private void Count(Func<MqttCounts, MqttCounts> change) => _box.Traffic.Count(change);

    private void ReportConnected()
    {
        Count(c => c with { Connects = c.Connects + 1 });
        LogConnection(null);
        if (_awaySince is not { } since)
            return;
        double seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        _awaySince = null;
        _box.Events?.Add(new BoxEvent(DateTimeOffset.UtcNow, EventSeverity.Info, "broker-back", "control", string.Create(CultureInfo.InvariantCulture, $"the broker is there again after {seconds:0.#} s"))
        {
            Data = new EventData { Seconds = seconds },
        });
    }

    private void ReportGone(string problem)
    {
        bool wasConnected = _publisher is not null;
        _publisher = null;
        LogConnection(problem);
        if (_stop.IsCancellationRequested)
            return;
        _awaySince ??= Stopwatch.GetTimestamp();
        if (wasConnected)
            _box.Events?.Add(new BoxEvent(DateTimeOffset.UtcNow, EventSeverity.Warning, "broker-lost", "control", problem));
    }

    /// <param name="topic">What was tried.</param>
    /// <param name="problem">Why the broker does not let it; null: it does.</param>
    private void Refuse(string topic, string? problem)
    {
        bool isNews;
        lock (_counting)
        {
            isNews = problem is not null && _refusals.Count < MaxQueued && _refusals.TryAdd(topic, problem);
            if (problem is null)
                _refusals.Remove(topic);
        }

        if (isNews)
            _logger.LogError("mqtt: {What}", problem);
    }

    private void LogConnection(string? problem)
    {
        if (_stop.IsCancellationRequested)
            return;
        if (problem is null)
            _logger.LogInformation("mqtt: connected to {Host}:{Port} as {Device}", _options.Host, _options.Port, _options.DeviceId);
        else if (problem != _fault)
            _logger.LogError("mqtt: {Problem}; tried again, recording goes on", problem);
        _fault = problem;
    }
}
