// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using MQTTnet;
using MQTTnet.Protocol;

namespace Capbox.Mqtt;

/// <summary>A message to go out.</summary>
internal sealed record Outgoing(string Topic, byte[] Payload)
{
    public bool Retain { get; init; }
    public bool IsAcknowledged { get; init; } = true;
    public byte[]? Correlation { get; init; }
}

/// <summary>
/// One connection's way out, within what the broker said it takes: messages under way, their size, retained ones, acknowledged ones (MQTT
/// 5, 3.2.2.3).
/// </summary>
/// <param name="client">Connected.</param>
/// <param name="limits">The broker's.</param>
/// <param name="isVersion5">Properties may be sent.</param>
/// <param name="patience">For an acknowledgement.</param>
internal sealed class BrokerPublisher(IMqttClient client, MqttClientConnectResult limits, bool isVersion5, TimeSpan patience) : IDisposable
{
    /// <summary>More than the fixed header and the properties of any message of ours.</summary>
    private const int OverheadBytes = 256;
    private readonly SemaphoreSlim _underWay = new(limits.ReceiveMaximum is > 0 and < MqttConnection.MaxInFlight ? (int)limits.ReceiveMaximum : MqttConnection.MaxInFlight);

    /// <summary>Whether the broker takes a message of this size.</summary>
    public bool Fits(Outgoing message) =>
        limits.MaximumPacketSize is not > 0 || message.Payload.Length + System.Text.Encoding.UTF8.GetByteCount(message.Topic) + (message.Correlation?.Length ?? 0) + OverheadBytes <= limits.MaximumPacketSize;

    /// <summary>Sends, and waits until the broker has it where it is to be acknowledged.</summary>
    /// <returns>Null, or why the broker does not take it.</returns>
    public async Task<string?> PublishAsync(Outgoing message)
    {
        if (!Fits(message))
            return $"{message.Payload.Length} bytes are more than it takes ({limits.MaximumPacketSize})";
        MqttQualityOfServiceLevel wanted = message.IsAcknowledged ? MqttQualityOfServiceLevel.AtLeastOnce : MqttQualityOfServiceLevel.AtMostOnce;
        MqttApplicationMessageBuilder builder = new MqttApplicationMessageBuilder()
            .WithTopic(message.Topic).WithPayload(message.Payload).WithRetainFlag(message.Retain && (!isVersion5 || limits.RetainAvailable))
            .WithQualityOfServiceLevel(isVersion5 && limits.MaximumQoS < wanted ? limits.MaximumQoS : wanted);
        if (isVersion5)
            builder = builder.WithContentType("application/json");
        if (message.Correlation is not null && isVersion5)
            builder = builder.WithCorrelationData(message.Correlation);
        using var patient = new CancellationTokenSource(patience);
        await _underWay.WaitAsync(patient.Token);
        try
        {
            MqttClientPublishResult result = await client.PublishAsync(builder.Build(), patient.Token);
            return result.IsSuccess || result.ReasonCode == MqttClientPublishReasonCode.NoMatchingSubscribers ? null : result.ReasonCode.ToString();
        }
        finally
        {
            _underWay.Release();
        }
    }

    public void Dispose() => _underWay.Dispose();
}
