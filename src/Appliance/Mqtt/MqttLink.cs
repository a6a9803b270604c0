using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Capbox.Control;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace Capbox.Mqtt;

/// <summary>What the connection shows and serves.</summary>
/// <param name="Snapshot">All counters now.</param>
/// <param name="Commands">What may be asked.</param>
/// <param name="Configurator">Null: the configuration is a file.</param>
/// <param name="Serial">Of the box.</param>
internal sealed record MqttBox(Func<BoxSnapshot> Snapshot, ControlCommands Commands, IConfigurator? Configurator, string Serial);

/// <summary>How the connection stands, for status.</summary>
/// <param name="Broker">HOST:PORT.</param>
/// <param name="Connected">Now.</param>
/// <param name="Fault">Why not, or what the broker refuses; null: nothing is wrong.</param>
internal sealed record MqttSnapshot(string Broker, bool Connected, string? Fault, MqttCounts Counts);

/// <summary>
/// The connection to the broker: made, kept, made again after ever longer waits; what is retained is published anew at each connect. Messages that come are copied into a bounded queue, and one task serves them in
/// order. Nothing here touches the recording: it reads counters and calls what control calls.
/// </summary>
internal sealed class MqttLink : IDisposable
{
    private const int MaxQueued = 64;
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromSeconds(1), s_longestWait = TimeSpan.FromSeconds(60), s_stopWait = TimeSpan.FromSeconds(5);

    private readonly MqttOptions _options;
    private readonly MqttBox _box;
    private readonly ILogger _logger;
    private readonly Topics _topics;
    private readonly ConfigTopics _config;
    private readonly CommandDesk _desk;
    private readonly Telemetry _telemetry;
    private readonly TimeSpan _patience; // for an acknowledgement
    private readonly Health _health = new();
    private readonly string _bootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), _run = Guid.NewGuid().ToString("N");
    private readonly Channel<Inbound> _inbound = Channel.CreateBounded<Inbound>(new BoundedChannelOptions(MaxQueued) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _counting = new();
    private Task _running = Task.CompletedTask;
    private MqttCounts _counts = new();
    private volatile IMqttClient? _client;
    private volatile string? _fault, _refused, _certificate;
    private string _lastHealth = "";

    private sealed record Inbound(string Topic, byte[] Payload, bool Retained, string? ResponseTopic, string? Requester, byte[]? Correlation);

    public MqttLink(MqttOptions options, MqttBox box, ILogger logger)
    {
        (_options, _box, _logger) = (options, box, logger);
        _topics = new Topics(options.DeviceId);
        _config = new ConfigTopics(box.Configurator);
        _desk = new CommandDesk(box.Commands);
        _telemetry = new Telemetry(_bootId, _run);
        _patience = TimeSpan.FromSeconds(Math.Clamp(options.KeepAlive.TotalSeconds / 2, 1, 15));
    }

    public MqttSnapshot Snapshot
    {
        get
        {
            lock (_counting)
                return new MqttSnapshot($"{_options.Host}:{_options.Port}", _client is not null, _fault ?? _refused, _counts);
        }
    }

    public void Start()
    {
        if (!_options.IsTls)
            _logger.LogWarning("mqtt: the connection to {Host} is in the clear", _options.Host);
        if (_box.Configurator is { } configurator)
            configurator.Changed += NoteChange;
        _running = Task.WhenAll(Task.Run(KeepConnectedAsync), Task.Run(ServeAsync));
    }

    /// <summary>Says good-bye, and waits some seconds at most for the broker to hear it.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        if (_box.Configurator is { } configurator)
            configurator.Changed -= NoteChange;
        _stop.Cancel();
        _inbound.Writer.TryComplete();
        _running.Wait(s_stopWait);
    }

    private void NoteChange() => _changed.Writer.TryWrite(true);

    private async Task KeepConnectedAsync()
    {
        TimeSpan wait = s_shortestWait;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                string reason = await ConnectOnceAsync(() => wait = s_shortestWait);
                Say($"the connection to {_options.Host}:{_options.Port} is gone: {reason}");
            }
            catch (Exception e)
            {
                // Whatever the network, TLS or the broker do: it is tried again.
                Say($"{_options.Host}:{_options.Port}: {_certificate ?? Reason(e)}");
            }

            _client = null;
            // Not all boxes of a fleet at once when their broker comes back.
            TimeSpan jittered = wait * (0.5 + Random.Shared.NextDouble());
            wait = wait * 2 < s_longestWait ? wait * 2 : s_longestWait;
            await Task.Delay(jittered, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>One connection from its birth to its end; returns why it ended.</summary>
    private async Task<string> ConnectOnceAsync(Action connected)
    {
        string session = Guid.NewGuid().ToString("N");
        _certificate = null;
        using IMqttClient client = new MqttClientFactory().CreateMqttClient();
        var gone = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.DisconnectedAsync += e =>
        {
            gone.TrySetResult(e.Exception is { } problem ? Reason(problem) : e.ReasonString ?? e.Reason.ToString());
            return Task.CompletedTask;
        };
        client.ApplicationMessageReceivedAsync += Take;
        MqttClientConnectResult result = await client.ConnectAsync(MqttConnection.Build(_options, _topics, session, problem => _certificate = problem), _stop.Token);
        if (result.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"the broker refuses this box: {result.ResultCode} {result.ReasonString}".TrimEnd());
        _refused = null;
        await PublishAsync(client, "state", JsonSerializer.SerializeToUtf8Bytes(new StateMessage("init", session), MqttJson.Default.StateMessage), retain: true);
        await SubscribeAsync(client);
        await PublishAsync(client, "info", JsonSerializer.SerializeToUtf8Bytes(Info(session), MqttJson.Default.InfoMessage), retain: true);
        await PublishReportedAsync(client);
        _lastHealth = "";
        _client = client;
        await PublishHealthAsync(client, _box.Snapshot());
        await PublishAsync(client, "state", JsonSerializer.SerializeToUtf8Bytes(new StateMessage("ready", session), MqttJson.Default.StateMessage), retain: true);
        Count(c => c with { Connects = c.Connects + 1 });
        connected();
        Say(null);
        string reason = await TellAsync(client, gone.Task);
        if (_stop.IsCancellationRequested && client.IsConnected)
        {
            await PublishAsync(client, "state", JsonSerializer.SerializeToUtf8Bytes(new StateMessage("disconnected", session), MqttJson.Default.StateMessage), retain: true);
            await client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
        }

        return reason;
    }

    /// <summary>Telemetry in time, the configuration when it changes, until the connection is gone or the box stops.</summary>
    private async Task<string> TellAsync(IMqttClient client, Task<string> gone)
    {
        Task tick = Task.Delay(TimeSpan.FromSeconds(1), _stop.Token);
        Task<bool> changed = _changed.Reader.WaitToReadAsync(_stop.Token).AsTask();
        while (true)
        {
            Task first = await Task.WhenAny(gone, tick, changed);
            if (first == gone)
                return await gone;
            if (_stop.IsCancellationRequested)
                return "the box stops";
            if (first == changed)
            {
                _changed.Reader.TryRead(out _);
                await PublishReportedAsync(client);
                changed = _changed.Reader.WaitToReadAsync(_stop.Token).AsTask();
                continue;
            }

            tick = Task.Delay(_options.Telemetry, _stop.Token);
            BoxSnapshot now = _box.Snapshot();
            foreach ((string suffix, byte[] payload) in _telemetry.Make(now, Snapshot.Counts))
            {
                // The last one is acknowledged: what is sent into a connection that is half open looks like success, and keeps the client from asking whether anybody is there.
                bool isLast = suffix == "telemetry/system";
                await PublishAsync(client, suffix, payload, retain: false, qos: isLast ? MqttQualityOfServiceLevel.AtLeastOnce : MqttQualityOfServiceLevel.AtMostOnce);
            }

            await PublishHealthAsync(client, now);
        }
    }

    private async Task SubscribeAsync(IMqttClient client)
    {
        string[] topics = [_topics.Desired, _topics.ConfirmConfig, _topics.Commands];
        foreach (string topic in topics)
        {
            var options = new MqttClientSubscribeOptionsBuilder().WithTopicFilter(topic, MqttQualityOfServiceLevel.AtLeastOnce).Build();
            MqttClientSubscribeResult result = await client.SubscribeAsync(options, _stop.Token);
            if (result.Items.Any(i => (int)i.ResultCode >= 0x80))
                Refuse($"the broker does not let this box listen to {topic}");
        }
    }

    private async Task PublishReportedAsync(IMqttClient client)
    {
        if (_config.Reported() is { } reported)
            await PublishAsync(client, "config/reported", JsonSerializer.SerializeToUtf8Bytes(reported, MqttJson.Default.ReportedMessage), retain: true);
    }

    private async Task PublishHealthAsync(IMqttClient client, BoxSnapshot now)
    {
        string? control = _refused ?? (_options.IsTls || _options.Host is "localhost" or "127.0.0.1" or "::1" ? null : $"the connection to {_options.Host} is in the clear");
        string text = JsonSerializer.Serialize(_health.Judge(now, control, _box.Configurator?.Report), MqttJson.Default.HealthMessage);
        if (text == _lastHealth)
            return;
        await PublishAsync(client, "health", System.Text.Encoding.UTF8.GetBytes(text), retain: true);
        _lastHealth = text;
    }

    private async Task PublishAsync(IMqttClient client, string suffix, byte[] payload, bool retain, MqttQualityOfServiceLevel qos = MqttQualityOfServiceLevel.AtLeastOnce, byte[]? correlation = null, string? topic = null)
    {
        MqttApplicationMessageBuilder builder = new MqttApplicationMessageBuilder()
            .WithTopic(topic ?? _topics.Of(suffix)).WithPayload(payload).WithRetainFlag(retain).WithQualityOfServiceLevel(qos);
        if (_options.IsVersion5)
            builder = builder.WithContentType("application/json");
        if (correlation is not null && _options.IsVersion5)
            builder = builder.WithCorrelationData(correlation);
        using var patience = new CancellationTokenSource(_patience);
        MqttClientPublishResult result = await client.PublishAsync(builder.Build(), patience.Token);
        Count(c => result.IsSuccess ? c with { Published = c.Published + 1 } : c with { PublishFailures = c.PublishFailures + 1 });
        if (!result.IsSuccess && result.ReasonCode != MqttClientPublishReasonCode.NoMatchingSubscribers)
            Refuse($"the broker does not take {topic ?? _topics.Of(suffix)}: {result.ReasonCode}");
    }

    /// <summary>A message came: copied and queued; what has no room is refused by not being taken.</summary>
    private Task Take(MqttApplicationMessageReceivedEventArgs e)
    {
        MqttApplicationMessage message = e.ApplicationMessage;
        Count(c => c with { Received = c.Received + 1 });
        string? requester = message.UserProperties?.FirstOrDefault(p => p.Name == "requester") is { } named ? named.ReadValueAsString() : null;
        var inbound = new Inbound(message.Topic, message.Payload.ToArray(), message.Retain, message.ResponseTopic, requester, message.CorrelationData);
        if (!_inbound.Writer.TryWrite(inbound))
            Count(c => c with { Refused = c.Refused + 1 });
        return Task.CompletedTask;
    }

    private async Task ServeAsync()
    {
        await foreach (Inbound message in _inbound.Reader.ReadAllAsync())
        {
            try
            {
                await ServeOneAsync(message);
            }
            catch (Exception e)
            {
                // A message never ends the service.
                _logger.LogWarning("mqtt: {Topic}: {Reason}", message.Topic, Reason(e));
            }
        }
    }

    private async Task ServeOneAsync(Inbound message)
    {
        string who = "mqtt:" + (message.Requester is { } r && Topics.IsLevel(r) ? r : "unnamed");
        if (message.Topic == _topics.Desired)
        {
            ReportedMessage? answer = _config.Desired(message.Payload, message.Retained, who);
            if (answer is { Status: "rejected" })
                Count(c => c with { Refused = c.Refused + 1 });
            if (answer is not null && _client is { } client)
                await PublishAsync(client, "config/reported", JsonSerializer.SerializeToUtf8Bytes(answer, MqttJson.Default.ReportedMessage), retain: true);
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
            catch (ControlException e)
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
        if (reply is null)
        {
            // Who cannot be answered is not served: what was done could not be told.
            Count(c => c with { Malformed = c.Malformed + 1 });
            return;
        }

        string requester = message.Requester is { } r && Topics.IsLevel(r) ? r : _topics.RequesterOf(reply);
        byte[] answer = _desk.Answer(name, message.Payload, requester, message.Correlation, out bool isDuplicate);
        Count(c => isDuplicate ? c with { Duplicates = c.Duplicates + 1 } : c with { Commands = c.Commands + 1 });
        if (_client is { } client)
            await PublishAsync(client, "", answer, retain: false, correlation: message.Correlation, topic: reply);
    }

    private InfoMessage Info(string session) => new(
        "capbox", _box.Serial, _options.DeviceId, Pcapng.SegmentHeader.Application, Environment.OSVersion.VersionString, _bootId, _run, session, _box.Configurator is not null, Config.ConfigSchema.Hash, [.. _desk.Names]);

    private void Count(Func<MqttCounts, MqttCounts> change)
    {
        lock (_counting)
            _counts = change(_counts);
    }

    private void Refuse(string what)
    {
        if (_refused != what)
            _logger.LogError("mqtt: {What}", what);
        _refused = what;
    }

    private void Say(string? problem)
    {
        if (_stop.IsCancellationRequested)
            return;
        if (problem is null)
            _logger.LogInformation("mqtt: connected to {Host}:{Port} as {Device}", _options.Host, _options.Port, _options.DeviceId);
        else if (problem != _fault)
            _logger.LogError("mqtt: {Problem}; tried again, recording goes on", problem);
        _fault = problem;
    }

    /// <summary>The innermost reason says it: a certificate, a name, a refusal.</summary>
    private static string Reason(Exception e)
    {
        Exception inner = e;
        while (inner.InnerException is { } deeper)
            inner = deeper;
        return (inner == e ? e.Message : $"{e.Message} {inner.Message}").ReplaceLineEndings(" ").Trim();
    }
}
